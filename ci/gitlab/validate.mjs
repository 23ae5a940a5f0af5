// Validates definitions of GitLab CI against GitLab's JSON schema, as the package gitlab-ci-local carries it.
// Usage: node validate.mjs NODE_MODULES SCHEMA_MODULE FILE...     Prints what is wrong; exit status 1 if anything.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, schemaModule, ...files] = process.argv.slice(2);
const require = createRequire(pathToFileURL(resolve(modules, "x.js")));
const Ajv = require("ajv");
const yaml = require("js-yaml");

const { schema } = await import(pathToFileURL(resolve(schemaModule)));
const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
let wrong = 0;
for (const file of files) {
    if (validate(yaml.load(readFileSync(file, "utf8")))) continue;
    wrong += 1;
    for (const error of validate.errors.slice(0, 10)) console.log(`${file}: ${error.instancePath || "/"} ${error.message}`);
}
process.exit(wrong ? 1 : 0);
