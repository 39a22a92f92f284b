// Sends one person update and one PDF with fetch and FormData, as an integrator would. Prints status and body.
import { readFileSync } from "node:fs";

const [url, key, pdf, name] = process.argv.slice(2);
const form = new FormData();
form.append("person", new Blob(['{"userPrincipalName":"joe@company.com","phone":"1"}'], { type: "application/json" }));
form.append("file", new File([readFileSync(pdf)], name, { type: "application/pdf" }));
const answer = await fetch(url, { method: "PUT", headers: { "x-functions-key": key }, body: form });
console.log(answer.status, await answer.text());
