// Shows /openapi.json. Text is always set as text, never as markup.
"use strict";

const METHODS = ["get", "post", "put", "delete"];

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  for (const child of children.flat()) if (child !== null && child !== undefined) element.append(child);
  return element;
}

// Backticks become code; everything else stays text.
function prose(text) {
  return (text || "").split("`").map((part, index) => index % 2 ? make("code", {}, part) : part);
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

function rows(api, schema, depth) {
  const { properties, required } = members(api, schema);
  return Object.entries(properties).flatMap(([name, property]) => {
    let inner = solid(api, property);
    if (inner.items) inner = solid(api, inner.items);
    const row = make("tr", {},
      make("td", depth ? { class: "nested" } : {}, make("code", {}, name), required.includes(name) ? "" : make("span", { class: "kind" }, " ?")),
      make("td", { class: "kind" }, kind(api, property)),
      make("td", {}, prose(property.description || resolve(api, property).description)));
    const deeper = depth < 1 && (inner.properties || inner.allOf) ? rows(api, inner, depth + 1) : [];
    return [row, ...deeper];
  });
}

function table(head, body) {
  return make("table", {}, make("thead", {}, make("tr", {}, head.map((name) => make("th", {}, name)))), make("tbody", {}, body));
}

function jsonOf(api, content) {
  const schema = resolve(api, ((content || {})["application/json"] || {}).schema);
  const only = solid(api, schema);
  return { schema: only, example: only.example || (only.examples || [])[0] };
}

function quoted(text) {
  return "'" + text.replace(/'/g, "'\\''") + "'";
}

function curl(api, path, method, operation) {
  const open = (operation.security || []).some((one) => Object.keys(one).length === 0);
  const parts = ["curl" + (method === "get" ? "" : " -X " + method.toUpperCase()) + " " + quoted(location.origin + path)];
  if (!open) parts.push("-H " + "\"Authorization: Bearer $SEALPOST_KEY\"");
  if (path.endsWith("/file")) parts.push("-OJ");
  for (const parameter of operation.parameters || []) {
    if (parameter.in === "header" && parameter.name === "Idempotency-Key") parts.push("-H 'Idempotency-Key: '\"$(date +%F)\"");
  }
  const { example } = jsonOf(api, (operation.requestBody || {}).content);
  if (example) {
    parts.push("-H 'Content-Type: application/json'");
    parts.push("-d " + quoted(JSON.stringify(example)));
  }
  return parts.join(" \\\n  ");
}

function parametersOf(api, operation) {
  const all = operation.parameters || [];
  if (!all.length) return [];
  return [make("h3", {}, "Parameters"), table(["Name", "In", ""], all.map((parameter) => make("tr", {},
    make("td", {}, make("code", {}, parameter.name), parameter.required ? make("span", { class: "needed" }, " required") : ""),
    make("td", { class: "kind" }, parameter.in),
    make("td", {}, prose(parameter.description)))))];
}

function bodyOf(api, title, content) {
  const { schema, example } = jsonOf(api, content);
  const members = rows(api, schema, 0);
  if (!members.length) return [];
  const shown = [make("h3", {}, title), table(["Member", "Type", ""], members)];
  if (example) shown.push(make("pre", {}, JSON.stringify(example, null, 2)));
  return shown;
}

function answersOf(api, operation) {
  const answers = Object.entries(operation.responses || {});
  const list = table(["Status", ""], answers.map(([status, answer]) =>
    make("tr", {}, make("td", {}, make("code", {}, status)), make("td", {}, prose(resolve(api, answer).description)))));
  const good = answers.map(([, answer]) => resolve(api, answer)).find((answer) => (answer.content || {})["application/json"]);
  return [make("h3", {}, "Answers"), list, ...(good ? bodyOf(api, "Answer", good.content) : [])];
}

function show(api) {
  document.title = api.info.title;
  document.getElementById("title").textContent = api.info.title.replace(/^Sealpost /, "") + " · " + api.info.version;
  const contents = document.getElementById("contents");
  const operations = document.getElementById("operations");
  operations.replaceChildren(make("h1", {}, api.info.title), ...(api.info.description || "").split("\n\n").map((text) => make("p", {}, prose(text))));
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
            make("pre", {}, curl(api, path, method, operation)),
            parametersOf(api, operation),
            bodyOf(api, "Body", (operation.requestBody || {}).content),
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
fetch("/openapi.json").then((answer) => answer.json()).then(show).catch((error) => {
  document.getElementById("loading").textContent = "The description can't be read: " + error;
});
