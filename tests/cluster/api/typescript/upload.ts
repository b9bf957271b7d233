// A client of the generated types: it uploads the file of its first argument to the server of its second.
import createClient from "openapi-fetch";
import { readFile } from "node:fs/promises";
import type { components, paths } from "./pixmill";

declare const process: { argv: string[] };

const [, , file, baseUrl] = process.argv as [string, string, string, string];
const client = createClient<paths>({ baseUrl });
const form = new FormData();
form.append("image", new Blob([await readFile(file)]), "sample.jpg");
const promised = await client.POST("/upload", {
  params: { header: { Prefer: "wait=20" } },
  body: { image: [] },
  bodySerializer: () => form,
});
if (promised.error) throw new Error(`${promised.error.code}: ${promised.error.detail}`);
const promise: components["schemas"]["Job" | "Batch" | "PromiseOfOne" | "Promise"] | undefined = promised.data;
if (!promise || !("id" in promise)) throw new Error("no job");
const shown = await client.GET("/jobs/{job}", { params: { path: { job: promise.id }, query: { wait: 20 } } });
if (shown.error) throw new Error(shown.error.detail);
const state: components["schemas"]["Job"]["state"] = shown.data.state;
console.log(JSON.stringify({ state, renditions: shown.data.renditions.map((each) => each.name) }));
