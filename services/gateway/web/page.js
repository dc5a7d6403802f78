"use strict";

const REFRESH_MS = 2000;
const find = (id) => document.getElementById(id);

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function row(...cells) {
  const line = document.createElement("tr");
  for (const cell of cells) {
    const box = document.createElement("td");
    box.append(...[cell].flat());
    line.append(box);
  }
  return line;
}

function seconds(value) {
  if (value === null) return "";
  return value < 90 ? `${Math.ceil(value)} s` : value < 5400 ? `${Math.ceil(value / 60)} min` : `${(value / 3600).toFixed(1)} h`;
}

function resultLinks(job) {
  const links = ["mask", "overlay", "report"].filter((name) => job.links[name]);
  return links.flatMap((name) => [element("a", name, { href: job.links[name] }), " "]);
}

function jobRow(job) {
  const percent = `${Math.floor(job.progress * 100)} %`;
  const bar = element("progress", percent, { max: 1, value: job.progress, "aria-label": `Progress of ${job.name}` });
  const state = element("span", job.state.replaceAll("_", " "));
  const notes = [...job.errors.map((error) => error.sentence), ...job.warnings].slice(0, 3);
  const troubles = notes.map((text) => element("div", text, { class: "trouble" }));
  return row(job.name || job.id.slice(0, 8), [state, ...troubles], [bar, ` ${percent}`], seconds(job.eta_s), resultLinks(job));
}

async function showJobs() {
  const answer = await fetch("/v1/jobs?limit=50");
  find("enter").hidden = answer.status !== 401;
  find("work").hidden = !answer.ok;
  if (!answer.ok) return;
  const { jobs } = await answer.json();
  find("jobs").replaceChildren(...jobs.map(jobRow));
  find("none").hidden = jobs.length > 0;
}

async function showHealth() {
  const health = await (await fetch("/readyz")).json();
  const failing = Object.entries(health.failing).map(([part, sentence]) => `${part}: ${sentence}`);
  find("health").textContent = failing.length ? failing.join("; ") : "All parts work.";
  find("health").className = failing.length ? "trouble" : "";
}

async function showApi() {
  const { paths } = await (await fetch("/openapi.json")).json();
  const rows = Object.entries(paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, about]) => row(element("code", `${verb.toUpperCase()} ${path}`), about.summary ?? "")));
  find("api").replaceChildren(...rows);
}

async function refresh() {
  try {
    await Promise.all([showJobs(), showHealth()]);
  } catch {
    find("health").textContent = "The service does not answer.";
    find("health").className = "trouble";
  }
  setTimeout(refresh, REFRESH_MS);
}

showApi().catch(() => {});
refresh();
