// Shows openapi.json. Text is always set as text, never as markup.
"use strict";

// What stands before our paths: behind a gateway more than a host. So every address here is relative to that of the page.
const BASE = new URL(".", location.href).href;

const METHODS = ["get", "post", "put", "patch", "delete"];

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  for (const child of children.flat()) if (child !== null && child !== undefined) element.append(child);
  return element;
}

// Backticks become code, error codes and our own pages become links; everything else stays text.
function prose(text) {
  return (text || "").split("`").map((part, index) => {
    if (index % 2 === 0) return part;
    const code = make("code", {}, part);
    const place = /^SP-[A-Z]+-\d{3}$/.test(part) ? "docs/errors#" + part : part.startsWith("/docs") ? part.slice(1) : null;
    return place ? make("a", { href: place }, code) : code;
  });
}

function resolve(api, thing) {
  let seen = 0;
  while (thing && thing.$ref && seen++ < 20) {
    thing = thing.$ref.slice(2).split("/").reduce((place, name) => place[name.replace(/~1/g, "/").replace(/~0/g, "~")], api);
  }
  return thing || {};
}

// A schema without the null alternative.
function solid(api, schema) {
  const whole = resolve(api, schema);
  const parts = whole.oneOf || whole.anyOf;
  if (!parts) return whole;
  const rest = parts.filter((part) => part.type !== "null");
  return rest.length === 1 ? resolve(api, rest[0]) : whole;
}

function kind(api, schema) {
  const solidOne = solid(api, schema);
  const types = [].concat(solidOne.type || (solidOne.properties || solidOne.allOf ? "object" : "any")).filter((type) => type !== "null");
  if (solidOne.enum) return solidOne.enum.join(" | ");
  if (types[0] === "array") return "array of " + kind(api, solidOne.items || {});
  return types.join(" or ") + (solidOne.format ? " (" + solidOne.format + ")" : "");
}

function members(api, schema) {
  const whole = solid(api, schema);
  const all = [whole, ...(whole.allOf || []).map((part) => resolve(api, part))];
  return {
    properties: Object.assign({}, ...all.map((part) => part.properties || {})),
    required: all.flatMap((part) => part.required || []),
  };
}

// A member's own words; those of a member that may be null stand beside its type.
function described(api, property) {
  const part = (property.oneOf || property.anyOf || []).find((one) => one.description);
  return property.description || (part || {}).description || resolve(api, property).description;
}

function rows(api, schema, depth) {
  const { properties, required } = members(api, schema);
  return Object.entries(properties).flatMap(([name, property]) => {
    let inner = solid(api, property);
    if (inner.items) inner = solid(api, inner.items);
    const row = make("tr", {},
      make("td", depth ? { class: "nested" } : {}, make("code", {}, name), required.includes(name) ? "" : make("span", { class: "kind" }, " optional")),
      make("td", { class: "kind" }, kind(api, property)),
      make("td", {}, prose(described(api, property))));
    const deeper = depth < 1 && (inner.properties || inner.allOf) ? rows(api, inner, depth + 1) : [];
    return [row, ...deeper];
  });
}

function table(head, body) {
  return make("table", {}, make("thead", {}, make("tr", {}, head.map((name) => make("th", {}, name)))), make("tbody", {}, body));
}

// The JSON of a body: its schema, and its examples by name.
function jsonOf(api, content) {
  const [kind, media] = Object.entries(content || {}).find(([name]) => name.endsWith("json")) || [];
  if (!kind) return { schema: {}, examples: [] };
  const schema = solid(api, media.schema || {});
  const named = Object.entries(media.examples || {}).map(([name, one]) => [name, one.value, one.summary]);
  const own = media.example !== undefined ? media.example : (schema.examples || [schema.example])[0];
  return { schema, examples: named.length ? named : own === undefined ? [] : [["", own]] };
}

function quoted(text) {
  return "'" + text.replace(/'/g, "'\\''") + "'";
}

function curl(api, path, method, operation) {
  const open = (operation.security || []).some((one) => Object.keys(one).length === 0);
  const parameters = operation.parameters || [];
  const filled = path.replace(/\{(\w+)\}/g, (whole, name) => {
    const parameter = parameters.find((one) => one.in === "path" && one.name === name);
    return parameter && parameter.example !== undefined ? parameter.example : whole;
  });
  const parts = ["curl" + (method === "get" ? "" : " -X " + method.toUpperCase()) + " " + quoted(BASE + filled.slice(1))];
  if (!open) parts.push("-H \"Authorization: Bearer $SEALPOST_KEY\"");
  if (path.endsWith("/file")) parts.push("-OJ");
  if (parameters.some((one) => one.in === "header" && one.name === "Idempotency-Key")) parts.push("-H \"Idempotency-Key: $(uuidgen)\"");
  const [first] = jsonOf(api, (operation.requestBody || {}).content).examples;
  if (first) {
    parts.push("-H 'Content-Type: application/json'");
    parts.push("-d " + quoted(JSON.stringify(first[1], null, 2).replace(/\n/g, "\n  ")));
  }
  return parts.join(" \\\n  ");
}

// A block of code with a button that copies it.
function code(text, label) {
  const button = make("button", { type: "button", class: "copy" }, "copy");
  button.addEventListener("click", () => navigator.clipboard.writeText(text).then(() => { button.textContent = "copied"; }, () => { button.textContent = "select and copy by hand"; }));
  return make("div", { class: "code" }, label ? make("div", { class: "label" }, label) : null, make("pre", {}, text), button);
}

function examplesOf(api, content) {
  return jsonOf(api, content).examples.map(([name, value, summary]) =>
    code(JSON.stringify(value, null, 2), name ? make("a", { href: "docs/errors#" + name }, name + ": " + summary) : "Example"));
}

function parametersOf(api, operation) {
  const all = operation.parameters || [];
  if (!all.length) return [];
  return [make("h3", {}, "Parameters"), table(["Name", "In", "Type", ""], all.map((parameter) => make("tr", {},
    make("td", {}, make("code", {}, parameter.name), parameter.required ? make("span", { class: "needed" }, " required") : ""),
    make("td", { class: "kind" }, parameter.in),
    make("td", { class: "kind" }, kind(api, parameter.schema || {})),
    make("td", {}, prose(parameter.description), parameter.example === undefined ? "" : make("span", { class: "kind" }, " Example: ", make("code", {}, [].concat(parameter.example).join(",")))))))];
}

function bodyOf(api, title, content) {
  const { schema } = jsonOf(api, content);
  const members = rows(api, schema, 0);
  if (!members.length && !jsonOf(api, content).examples.length) return [];
  return [make("h3", {}, title), ...(members.length ? [table(["Member", "Type", ""], members)] : []), ...examplesOf(api, content)];
}

// Every answer: its headers and examples unfold.
function answersOf(api, operation) {
  return [make("h3", {}, "Answers"), ...Object.entries(operation.responses || {}).map(([status, reference]) => {
    const answer = resolve(api, reference);
    const good = status < "300";
    const headers = Object.entries(answer.headers || {}).map(([name, header]) => {
      const whole = resolve(api, header);
      return make("tr", {}, make("td", {}, make("code", {}, name)), make("td", {}, prose(whole.description), whole.example === undefined ? "" : make("span", { class: "kind" }, " Example: ", make("code", {}, String(whole.example)))));
    });
    const members = good ? rows(api, jsonOf(api, answer.content).schema, 0) : [];
    return make("details", { class: "answer" },
      make("summary", {}, make("code", { class: good ? "good" : status < "400" ? "" : "bad" }, status), make("span", {}, prose(answer.description))),
      make("div", {},
        headers.length ? table(["Header", ""], headers) : null,
        members.length ? table(["Member", "Type", ""], members) : null,
        examplesOf(api, answer.content)));
  })];
}

// How to authenticate, from the document's own schemes.
function credentials(api) {
  const schemes = Object.values((api.components || {}).securitySchemes || {});
  if (!schemes.length) return [];
  return [make("h2", {}, "Credentials"), make("ul", {}, schemes.map((scheme) => make("li", {},
    make("code", {}, scheme.type === "apiKey" ? scheme.name + ": …" : "Authorization: Bearer …"), " ", prose(scheme.description)))),
    code("export SEALPOST_KEY=…", null)];
}

function show(api) {
  document.title = api.info.title;
  document.getElementById("title").textContent = api.info.title.replace(/^Sealpost /, "") + " · " + api.info.version;
  const contents = document.getElementById("contents");
  const operations = document.getElementById("operations");
  operations.replaceChildren(make("h1", {}, api.info.title), ...(api.info.description || "").split("\n\n").map((text) => make("p", {}, prose(text))), ...credentials(api));
  for (const tag of api.tags || []) {
    contents.append(make("b", {}, tag.name));
    operations.append(make("h2", {}, tag.name), make("p", { class: "kind" }, prose(tag.description)));
    for (const [path, item] of Object.entries(api.paths)) {
      for (const method of METHODS.filter((name) => item[name] && (item[name].tags || []).includes(tag.name))) {
        const operation = item[method];
        const id = operation.operationId;
        contents.append(make("a", { href: "#" + id }, make("span", { class: "method " + method }, method), operation.summary || path));
        operations.append(make("details", { class: "operation", id },
          make("summary", {}, make("span", { class: "method " + method }, method), make("span", { class: "path" }, path), make("span", { class: "says" }, operation.summary || "")),
          make("div", {},
            operation.description ? make("p", {}, prose(operation.description)) : null,
            operation["x-required-scope"] ? make("p", { class: "kind" }, "Needs the scope ", make("code", {}, operation["x-required-scope"]), ".") : null,
            code(curl(api, path, method, operation), null),
            parametersOf(api, operation),
            bodyOf(api, "Request", (operation.requestBody || {}).content),
            answersOf(api, operation))));
      }
    }
  }
  reveal();
}

// Opens the operation that the address points to.
function reveal() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target && target.tagName === "DETAILS") {
    target.open = true;
    target.scrollIntoView();
  }
}

window.addEventListener("hashchange", reveal);
fetch("openapi.json").then((answer) => answer.json()).then(show).catch((error) => {
  document.getElementById("loading").textContent = "The description can't be read: " + error;
});
