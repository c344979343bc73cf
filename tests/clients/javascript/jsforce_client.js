// Does an integration's whole work with jsforce and prints what it saw as one JSON object.
// Arguments: instance URL, client id, client secret, redirect URI, authorization code.
"use strict";

const jsforce = require("jsforce");
const { StreamingExtension } = require("jsforce/lib/api/streaming");

const CHANNEL = "/data/ContactChangeEvent";
const [instanceUrl, clientId, clientSecret, redirectUri, code] = process.argv.slice(2);

async function records(conn) {
  const created = await conn.sobject("Contact").create([{ LastName: "One" }, { LastName: "Two", Title: "Boss" }]);
  const ids = created.map((one) => one.id);
  await conn.sobject("Contact").update({ Id: ids[0], FirstName: "Ann" });
  const found = await conn.query(`SELECT Id, Name FROM Contact WHERE Id IN ('${ids.join("','")}') ORDER BY Name`);
  const retrieved = await conn.sobject("Contact").retrieve(ids[1]);
  const described = await conn.sobject("Contact").describe();
  return {
    ids,
    names: found.records.map((one) => one.Name),
    title: retrieved.Title,
    fields: described.fields.map((one) => one.name),
  };
}

async function bulk(conn, ids) {
  conn.bulk2.pollInterval = 50;
  conn.bulk2.pollTimeout = 20000;
  const input = ids.map((Id, index) => ({ Id, Department: `Department, "${index}"` }));
  const updated = await conn.bulk2.loadAndWaitForResults({ object: "Contact", operation: "update", input });
  const stream = await conn.bulk2.query("SELECT Id, Department FROM Contact WHERE Department != null ORDER BY Department");
  return {
    successful: updated.successfulResults.map((one) => one.sf__Id),
    failed: updated.failedResults,
    departments: (await stream.toArray()).map((one) => one.Department),
  };
}

function changes(conn, count) {
  return new Promise((resolve, reject) => {
    const seen = [];
    const client = conn.streaming.createClient([new StreamingExtension.Replay(CHANNEL, -2)]);
    const subscription = client.subscribe(CHANNEL, (message) => {
      const { changeType, recordIds } = message.payload.ChangeEventHeader;
      seen.push({ replayId: message.event.replayId, changeType, recordIds });
      if (seen.length === count) {
        client.disconnect();
        resolve(seen);
      }
    });
    subscription.then(null, reject);
    setTimeout(() => reject(new Error(`only ${seen.length} events of ${count}`)), 20000).unref();
  });
}

async function main() {
  const oauth2 = new jsforce.OAuth2({ loginUrl: instanceUrl, clientId, clientSecret, redirectUri });
  const conn = new jsforce.Connection({ oauth2, version: "62.0" });
  const user = await conn.authorize(code);
  const refreshed = await oauth2.refreshToken(conn.refreshToken);
  const identity = await conn.identity();
  const work = await records(conn);
  const job = await bulk(conn, work.ids);
  // Two creations are two events, the update is one, and every row of the job is one.
  const events = await changes(conn, 5);
  return { user, identity: identity.user_id, refreshed: Boolean(refreshed.access_token), ...work, ...job, events };
}

main().then(
  (result) => process.stdout.write(JSON.stringify(result), () => process.exit(0)),
  (error) => process.stderr.write(`${error.stack || error}\n`, () => process.exit(1)),
);
