// Follows one channel with faye, from the first retained event, through a lost session; prints a line per happening
// until its input ends. Arguments: instance URL, access token, channel.
"use strict";

const faye = require("faye");

const [instanceUrl, accessToken, channel] = process.argv.slice(2);
const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

let position = -2;
const client = new faye.Client(`${instanceUrl}/cometd/62.0`, { timeout: 10, retry: 0.1 });
client.disable("websocket");
client.setHeader("Authorization", `OAuth ${accessToken}`);
client.addExtension({
  outgoing: (message, send) => {
    if (message.channel === "/meta/subscribe") message.ext = { replay: { [channel]: position } };
    send(message);
  },
  incoming: (message, receive) => {
    if (message.error) tell({ error: message.error, advice: message.advice });
    if (message.data) position = message.data.event.replayId;
    receive(message);
  },
});
const subscription = client.subscribe(channel, (data) => {
  tell({ replayId: data.event.replayId, recordIds: data.payload.ChangeEventHeader.recordIds });
});
subscription.callback(() => tell({ subscribed: channel }));
subscription.errback((error) => tell({ refused: error.message }));
process.stdin.on("end", async () => {
  await client.disconnect();
  process.exit(0);
});
process.stdin.resume();
