// Subscribes with the cometd client and prints what it is told, one JSON object a line, until its input ends.
// Arguments: instance URL, access token, API version, then <channel>=<replay id> each.
"use strict";

require("cometd-nodejs-client").adapt();
const { CometD } = require("cometd");

const [instanceUrl, accessToken, version, ...subscriptions] = process.argv.slice(2);
const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

// Salesforce's own samples keep the positions in such an extension.
const positions = Object.fromEntries(subscriptions.map((one) => one.split("=")).map(([name, id]) => [name, Number(id)]));
const replay = {
  outgoing: (message) => {
    if (message.channel === "/meta/subscribe") {
      message.ext = { ...message.ext, replay: { [message.subscription]: positions[message.subscription] } };
    }
    return message;
  },
};

const cometd = new CometD();
cometd.websocketEnabled = false;
cometd.unregisterTransport("websocket");
cometd.registerExtension("replay", replay);
cometd.configure({
  url: `${instanceUrl}/cometd/${version}`,
  requestHeaders: { Authorization: `Bearer ${accessToken}` },
  appendMessageTypeToURL: false,
  logLevel: "error",
});
for (const kind of ["handshake", "connect", "subscribe", "disconnect"]) {
  cometd.addListener(`/meta/${kind}`, (reply) => {
    const { successful, subscription, error, advice } = reply;
    const failed = successful ? {} : { error: error || reply.failure, advice };
    if (kind !== "connect" || !successful) tell({ meta: kind, successful, subscription, ...failed });
  });
}

const receive = (channel) => (message) => {
  const { replayId } = message.data.event;
  positions[channel] = replayId;
  const { recordIds, changeType } = message.data.payload.ChangeEventHeader;
  tell({ channel: message.channel, replayId, recordIds, changeType });
};
// A new handshake forgets the client's subscriptions.
cometd.addListener("/meta/handshake", (reply) => {
  if (reply.successful) {
    for (const channel of Object.keys(positions)) cometd.subscribe(channel, receive(channel));
  }
});
// From API 64.0 the server may end the session; the client must connect anew.
let leaving = false;
cometd.addListener("/meta/disconnect", () => {
  if (!leaving) setTimeout(() => cometd.handshake(), 0);
});
cometd.handshake();

process.stdin.resume();
process.stdin.on("end", () => {
  leaving = true;
  cometd.disconnect(() => process.exit(0));
});
