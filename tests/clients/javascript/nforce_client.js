// An integration's day with nforce; prints one JSON object with what it saw.
// Arguments: login URL, client id, client secret, user name, password with security token.
"use strict";

const nforce = require("nforce");

const [loginUrl, clientId, clientSecret, username, password] = process.argv.slice(2);

const org = nforce.createConnection({
  clientId,
  clientSecret,
  redirectUri: "http://localhost/callback",
  apiVersion: "v62.0",
  environment: "production",
  loginUri: `${loginUrl}/services/oauth2/token`,
  mode: "single",
});

async function main() {
  const seen = {};
  await org.authenticate({ username, password });
  seen.identity = (await org.getIdentity()).user_id;
  seen.fields = (await org.getDescribe({ type: "Lead" })).fields.map((field) => field.name);
  const lead = nforce.createSObject("Lead", { LastName: "Nforce", Company: "Judge, Inc." });
  seen.id = (await org.insert({ sobject: lead })).id;
  lead.set("title", "Boss");
  await org.update({ sobject: lead });
  seen.title = (await org.getRecord({ sobject: lead })).get("title");
  const upserted = nforce.createSObject("Lead", { LastName: "Upserted", Company: "Judge, Inc." });
  upserted.setExternalId("Email", "nforce@judge.example");
  seen.upserted = (await org.upsert({ sobject: upserted })).id;
  const answer = await org.query({ query: "SELECT Id FROM Lead", fetchAll: true });
  seen.queried = answer.records.map((record) => record.get("id"));
  const missing = nforce.createSObject("Lead", { Company: "Nameless" });
  seen.refusal = await org.insert({ sobject: missing }).catch((error) => error.errorCode);
  await org.delete({ sobject: lead });
  org.oauth.access_token = "dead";
  seen.afterwards = await org.query({ query: "SELECT Id FROM Lead" }).catch((error) => error.errorCode);
  process.stdout.write(JSON.stringify(seen));
}

main().catch((error) => {
  process.stderr.write(`${error.stack || JSON.stringify(error)}\n`);
  process.exit(1);
});
