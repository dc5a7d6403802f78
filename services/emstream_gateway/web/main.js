// @ts-check
/** Start of the page: builds its rooms, and shows the page that the address names. */
import { Refusal, here, pause, signIn, signOut } from "./kit/api.js";
import { parseAddress, takeToken } from "./kit/address.js";
import { find } from "./kit/dom.js";
import { loadFormats } from "./kit/formats.js";
import { Exports } from "./results/exports.js";
import { Jobs } from "./jobs/jobs.js";
import { bindHelp } from "./kit/keys.js";
import { Pipeline } from "./jobs/lanes.js";
import { Objects } from "./results/objects.js";
import { Predict } from "./predict/predict.js";
import { bindTabs } from "./viewer/tabs.js";
import { Viewer } from "./viewer/viewer.js";

const HEALTH_MS = 5000;
const TITLES = /** @type {Record<string, string>} */ ({ samples: "emstream", pipeline: "Pipeline – emstream" });

/** @type {Jobs} */
const jobs = new Jobs((id) => predict.has(id), (job) => predict.predictAgain(job));
const pipeline = new Pipeline();
const predict = new Predict(() => jobs.refresh());
const viewer = new Viewer();
new Objects(viewer);
new Exports(viewer);
bindTabs();
bindHelp();

/** Show the page that the address names. */
function showPage() {
  const { page, job, place } = parseAddress(location.hash);
  const shown = page === "job" && job ? "viewer" : page === "pipeline" ? "pipeline" : "samples";
  for (const name of ["samples", "pipeline", "viewer"]) find(name).hidden = name !== shown;
  document.body.classList.toggle("viewing", shown === "viewer");
  for (const link of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("nav [data-page]"))) {
    if (link.dataset.page === shown) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  jobs.setActive(shown === "samples");
  pipeline.setActive(shown === "pipeline");
  if (shown === "viewer") viewer.open(/** @type {string} */ (job), place);
  else {
    viewer.close();
    document.title = TITLES[shown];
  }
}

/** Report failing parts of the service, every few seconds. */
async function showHealth() {
  const line = find("health");
  try {
    const health = await (await fetch(here("/readyz"))).json();
    const failing = Object.entries(health.failing ?? {}).map(([part, sentence]) => `${part}: ${sentence}`);
    line.textContent = failing.join("; ");
    line.className = failing.length ? "bad" : "";
  } catch {
    line.textContent = "The service does not answer. Started jobs continue once it is back.";
    line.className = "bad";
  }
  setTimeout(showHealth, HEALTH_MS);
}

/** Ask for a key: the browser has none, or the service was started again with another token. */
function askForKey() {
  for (const name of ["samples", "pipeline", "viewer"]) find(name).hidden = true;
  document.body.classList.remove("viewing");
  jobs.setActive(false);
  pipeline.setActive(false);
  find("enter").hidden = false;
  find("sign-out").hidden = true;
  find("token").focus();
}

/** Begin a session with what was typed, and show the page that the address names. @param {SubmitEvent} event */
async function enter(event) {
  event.preventDefault();
  try {
    await signIn(find("token").value.trim());
    location.reload();
  } catch (error) {
    find("sign-in-note").textContent = /** @type {Error} */ (error).message;
  }
}

/**
 * Take the token that `emstream serve` printed out of the address, and of the history, and begin a session with it.
 * Not where another site opened the page: it would choose whose samples the visitor's become. Returns whether it has begun.
 */
async function enterByAddress() {
  const { token, rest } = takeToken(location.hash);
  if (!token) return false;
  history.replaceState(null, "", `${location.pathname}${location.search}${rest}`);
  if (document.documentElement.dataset.from === "elsewhere") return false;
  try {
    await signIn(token);
    location.replace(`${here("/session")}${rest}`); // leads back here: the browser then forgets the address that it was given
    return true;
  } catch (error) {
    find("sign-in-note").textContent = /** @type {Error} */ (error).message;
    return false;
  }
}

/** Load what every page needs. Returns whether the key is known; waits until the service answers. */
async function isLoaded() {
  for (;;) {
    try {
      await loadFormats();
      return true;
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) return false;
      await pause(HEALTH_MS);
    }
  }
}

/** Check the key, show the page and load the models. */
async function begin() {
  document.addEventListener("no-key", askForKey);
  find("sign-in").addEventListener("submit", enter);
  find("sign-out").addEventListener("click", () => signOut().then(() => location.reload()));
  if (await enterByAddress()) return;
  if (!(await isLoaded())) return;
  find("sign-out").hidden = false;
  predict.offerFormats();
  window.addEventListener("hashchange", showPage);
  showPage();
  await predict.loadModels().catch((error) => { find("predict-note").textContent = error.message; });
}

showHealth();
begin();
