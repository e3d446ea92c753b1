// Renders /openapi.json: a form for each operation, which sends the request and shows it for curl.
"use strict";

const JSON_TYPE = "application/json";
let spec;

/** Make an element; children are elements or text. */
function make(name, attributes = {}, ...children) {
  const element = Object.assign(document.createElement(name), attributes);
  element.append(...children);
  return element;
}

/** Return what a reference of the specification points to. */
function resolved(value) {
  if (!value?.$ref) return value;
  return resolved(value.$ref.slice(2).split("/").reduce((found, key) => found[key], spec));
}

/** Render the Markdown of descriptions: paragraphs, tables and code. */
function markdown(text) {
  const inline = (line) => line.split("`").map((part, i) => (i % 2 ? make("code", {}, part) : part));
  return text.trim().split(/\n\s*\n/).map((block) => {
    if (!block.startsWith("|")) return make("p", {}, ...inline(block));
    const rows = block.split("\n").filter((row) => !/^\|[-|: ]+\|$/.test(row));
    return make("table", {}, ...rows.map((row, i) => make("tr", {},
      ...row.slice(1, -1).split(" | ").map((cell) => make(i ? "td" : "th", {}, ...inline(cell.trim()))))));
  });
}

/** Return a request for a model, from its metadata; null if there is none. */
async function exampleOf(model) {
  const answer = await fetch(`/v2/models/${encodeURIComponent(model)}`);
  if (!answer.ok) return null;
  const { inputs, example } = await answer.json();
  if (example?.text && example.content_type === JSON_TYPE) return example.text;
  const tensors = inputs?.filter((input) => input.datatype && !input.optional).map(({ name, datatype, shape }) => {
    const sizes = (shape ?? []).map((size) => (size < 0 ? 1 : size));
    const count = sizes.reduce((product, size) => product * size, 1);
    return { name, shape: sizes, datatype, data: Array(count).fill(datatype === "BOOL" ? false : 1) };
  });
  const text = JSON.stringify({ inputs: tensors });
  return tensors?.length && text.length < 1e6 ? text : null;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function examples(operation) {
  const media = resolved(operation.requestBody)?.content?.[JSON_TYPE];
  return Object.entries(media?.examples ?? {}).map(([name, { summary, value }]) => ({
    name: summary ? `${name}: ${summary}` : name, text: JSON.stringify(value),
  }));
}

/** A field for each parameter; those with few values are a list to choose from. */
function field(parameter) {
  const values = parameter.schema?.enum;
  const input = values
    ? make("select", {}, ...values.map((value) => make("option", {}, value)))
    : make("input", { value: parameter.example ?? "" });
  return { name: parameter.name, input, label: make("label", {}, `${parameter.name} `, input) };
}

function responses(operation) {
  const rows = Object.entries(operation.responses).map(([status, response]) =>
    make("tr", {}, make("td", {}, status), make("td", {}, ...markdown(resolved(response).description))));
  return make("details", {}, make("summary", {}, "Responses"), make("table", {}, ...rows));
}

function form(method, path, item, operation) {
  const fields = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((each) => field(resolved(each)));
  const known = examples(operation);
  const body = operation.requestBody && make("textarea", { value: known[0]?.text ?? "", spellcheck: false, ariaLabel: "Request body" });
  const curl = make("pre", { className: "curl" });
  const output = make("div", { className: "output", ariaLive: "polite" });
  const button = make("button", { type: "submit" }, "Send");

  const url = () => fields.reduce(
    (filled, { name, input }) => filled.replace(`{${name}}`, encodeURIComponent(input.value)), path);
  const show = () => {
    const data = body ? ` -H 'Content-Type: ${JSON_TYPE}' -d ${quoted(body.value)}` : "";
    curl.textContent = `curl${data} ${location.origin}${url()}`;
  };
  const made = make("form", {}, ...fields.map(({ label }) => label));
  if (body) {
    const choice = make("select", { ariaLabel: "Example" });
    const offer = (list) => choice.append(...list.map(({ name, text }) => make("option", { value: text }, name)));
    const model = fields.find(({ name }) => name === "model")?.input;
    const update = async () => {
      const example = model && (await exampleOf(model.value).catch(() => null));
      choice.replaceChildren();
      offer([...(example ? [{ name: "from the model's metadata", text: example }] : []), ...known]);
      body.value = choice.value;
      show();
    };
    choice.addEventListener("change", () => { body.value = choice.value; show(); });
    model?.addEventListener("change", update);
    made.update = known.length ? async () => { offer(known); } : update;
    made.append(make("label", {}, "Example ", choice), body);
  }
  made.append(button, make("p", {}, "The same with curl:"), curl, output);
  made.addEventListener("input", show);
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    const began = performance.now();
    try {
      const answer = await fetch(url(), body ? { method, body: body.value, headers: { "Content-Type": JSON_TYPE } } : { method });
      const text = await answer.text();
      const ms = Math.round(performance.now() - began);
      output.replaceChildren(
        make("p", { className: answer.ok ? "" : "failed" }, `${answer.status}, ${ms} ms, ${answer.headers.get("Content-Type") ?? "no content"}`),
        make("pre", {}, text.length > 1e5 ? `${text.slice(0, 1e5)}…` : text));
    } catch (error) {
      output.replaceChildren(make("p", { className: "failed" }, `No response: ${error.message}`));
    }
    button.disabled = false;
  });
  show();
  return made;
}

function operation(method, path, item) {
  const described = item[method];
  const content = make("div");
  const element = make("details", { className: "operation", id: described.operationId },
    make("summary", {}, make("span", { className: "method" }, method.toUpperCase()),
      make("span", { className: "path" }, path), make("span", { className: "summary" }, described.summary ?? "")), content);
  // The forms are made when they are opened: there are many.
  element.addEventListener("toggle", () => {
    if (!element.open || content.hasChildNodes()) return;
    const made = form(method.toUpperCase(), path, item, described);
    content.append(...markdown(described.description ?? ""), made, responses(described));
    made.update?.();
  });
  return element;
}

async function main() {
  spec = await (await fetch("/openapi.json")).json();
  document.title = spec.info.title;
  const operations = Object.entries(spec.paths).flatMap(([path, item]) =>
    ["get", "post"].filter((method) => item[method]).map((method) => operation(method, path, item)));
  document.querySelector("main").replaceChildren(
    make("h1", {}, spec.info.title), ...markdown(spec.info.description),
    make("p", {}, make("a", { href: "/openapi.json" }, "/openapi.json"), " has this specification for programs."),
    ...operations,
    make("details", {}, make("summary", {}, "Schemas"), make("pre", {}, JSON.stringify(spec.components.schemas, null, 2))));
  (document.getElementById(location.hash.slice(1)) ?? document.querySelector("#predict")).open = true;
}

main().catch((error) => {
  document.querySelector("main").append(make("p", { className: "failed" }, `The specification cannot be shown: ${error.message}`));
});
