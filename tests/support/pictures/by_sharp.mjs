// Carries out calls of sharp: [{input, calls: [[method, ...arguments]], output}] on standard input.
// Prints what sharp tells of each output: its sides, and where it was cut.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const sharp = createRequire(`${process.argv[2]}/`)("sharp");
const told = [];
for (const { input, calls, output } of JSON.parse(readFileSync(0, "utf8"))) {
  let made = sharp(input).autoOrient();
  for (const [method, ...given] of calls) made = made[method](...given);
  told.push(await made.toFile(output));
}
console.log(JSON.stringify(told));
