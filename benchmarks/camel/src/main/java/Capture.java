import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import org.apache.camel.Exchange;
import org.apache.camel.Expression;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.component.kafka.KafkaConstants;
import org.apache.camel.component.salesforce.AuthenticationType;
import org.apache.camel.component.salesforce.SalesforceComponent;
import org.apache.camel.component.salesforce.SalesforceEndpointConfig;
import org.apache.camel.impl.DefaultCamelContext;

/**
 * Camel's Salesforce consumer to its Kafka producer, ended when so many events are acknowledged.
 *
 * <p>One JSON argument; prints one JSON line. Events are timed from their arrival in the route to the acknowledgement of
 * Kafka, and counted from the {@code warmup}-th on, so that the compiler has seen the code.
 */
public final class Capture {
    private static final String RECEIVED = "received";

    public static void main(String[] arguments) throws Exception {
        ObjectMapper json = new ObjectMapper();
        Map<?, ?> place = json.readValue(arguments[0], Map.class);
        Meter meter = new Meter((Integer) place.get("warmup"), (Integer) place.get("events"));
        try (DefaultCamelContext context = new DefaultCamelContext()) {
            context.addComponent("salesforce", salesforce(place));
            context.addRoutes(routes(place, meter));
            context.start();
            meter.full.await();
            System.out.println(json.writeValueAsString(meter.figures()));
            System.out.flush();
        }
        System.exit(0);
    }

    private static SalesforceComponent salesforce(Map<?, ?> place) {
        SalesforceComponent salesforce = new SalesforceComponent();
        salesforce.setAuthenticationType(AuthenticationType.CLIENT_CREDENTIALS);
        salesforce.setLoginUrl((String) place.get("org_url"));
        salesforce.setClientId((String) place.get("client_id"));
        salesforce.setClientSecret((String) place.get("client_secret"));
        SalesforceEndpointConfig config = new SalesforceEndpointConfig();
        config.setApiVersion("62.0");
        salesforce.setConfig(config);
        // The client gives up on replies above 1 MiB, which a backlog has.
        salesforce.setLongPollingTransportProperties(Map.of("maxMessageSize", 64 * 1024 * 1024));
        salesforce.setHttpMaxContentLength(64 * 1024 * 1024);
        return salesforce;
    }

    private static RouteBuilder routes(Map<?, ?> place, Meter meter) {
        String source = "salesforce:subscribe:/data/ContactChangeEvent?rawPayload=true&replayId=" + place.get("replay_id");
        String sink = "kafka:" + place.get("topic") + "?brokers=" + place.get("servers")
                + "&requestRequiredAcks=all&enableIdempotence=true&recordMetadata=false"
                + "&producerBatchSize=262144&lingerMs=" + place.get("linger_ms");
        Expression recordId = new Expression() {
            @Override
            public <T> T evaluate(Exchange exchange, Class<T> type) {
                List<?> ids = exchange.getIn().getHeader("CamelSalesforceRecordIds", List.class);
                return type.cast("acme:" + ids.get(0));
            }
        };
        return new RouteBuilder() {
            @Override
            public void configure() {
                from(source)
                        .process(exchange -> exchange.setProperty(RECEIVED, meter.received()))
                        .setHeader(KafkaConstants.KEY, recordId)
                        .removeHeaders("CamelSalesforce*")
                        .to(sink)
                        .process(meter::acknowledged);
            }
        };
    }

    private static final class Meter {
        final CountDownLatch full = new CountDownLatch(1);
        private final int warmup;
        private final long[] latenciesNanos;
        private int received;
        private int acknowledged;
        private long beganNanos;
        private long beganCpuNanos;
        private long endedNanos;
        private long endedCpuNanos;

        Meter(int warmup, int events) {
            this.warmup = warmup;
            latenciesNanos = new long[events];
        }

        synchronized Long received() {
            long now = System.nanoTime();
            if (received++ == warmup) {
                beganNanos = now;
                beganCpuNanos = cpuNanos();
            }
            return now;
        }

        synchronized void acknowledged(Exchange exchange) {
            long now = System.nanoTime();
            int number = acknowledged++ - warmup;
            if (number < 0 || number >= latenciesNanos.length) {
                return;
            }
            latenciesNanos[number] = now - exchange.getProperty(RECEIVED, Long.class);
            if (number == latenciesNanos.length - 1) {
                endedNanos = now;
                endedCpuNanos = cpuNanos();
                full.countDown();
            }
        }

        synchronized Map<String, Object> figures() throws java.io.IOException {
            double seconds = (endedNanos - beganNanos) / 1e9;
            int events = latenciesNanos.length;
            Arrays.sort(latenciesNanos);
            Map<String, Object> figures = new TreeMap<>();
            figures.put("updates", events);
            figures.put("seconds", Math.round(seconds * 100) / 100.0);
            figures.put("updates_per_second", Math.round(events / seconds));
            figures.put("cpu_us_per_update", Math.round((endedCpuNanos - beganCpuNanos) / 100.0 / events) / 10.0);
            figures.put("latency_ms", Map.of("p50", milliseconds(50), "p95", milliseconds(95), "p99", milliseconds(99)));
            figures.put("peak_rss_mb", peakRssMegabytes());
            return figures;
        }

        private long milliseconds(int percent) {
            return latenciesNanos[(int) ((long) (latenciesNanos.length - 1) * percent / 100)] / 1_000_000;
        }

        private static long cpuNanos() {
            return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
        }

        private static Long peakRssMegabytes() throws java.io.IOException {
            Path status = Path.of("/proc/self/status");
            if (!Files.exists(status)) {
                return null; // not Linux
            }
            return Files.readAllLines(status).stream()
                    .filter(line -> line.startsWith("VmHWM:"))
                    .map(line -> Long.parseLong(line.replaceAll("\\D", "")) / 1024)
                    .findFirst()
                    .orElse(null);
        }
    }
}
