// Holds values against a JSON Schema. Usage: schema.mjs SCHEMA CASES; CASES is a list of { name, value }. Prints what is wrong with each
// as an object: name -> the first fault, or null.
import { readFileSync } from 'node:fs';
import Ajv from 'ajv';

const [schema, cases] = process.argv.slice(2).map((path) => JSON.parse(readFileSync(path, 'utf8')));
const ajv = new Ajv({ strict: true, strictTypes: false, strictRequired: false });
if (!ajv.validateSchema(schema)) throw new Error(ajv.errorsText());
const validate = ajv.compile(schema);
const told = cases.map(({ name, value }) => {
  const [fault] = validate(value) ? [] : validate.errors;
  return [name, fault ? `${fault.instancePath} ${fault.message}` : null];
});
console.log(JSON.stringify(Object.fromEntries(told)));
