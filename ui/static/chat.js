/* The conversation, its sources, and the list of conversations.

Everything that comes from a document, a file name or a question becomes a text node: nothing here makes markup of it. */
"use strict";
(() => {
  const checkable = (window.checkable ??= {});
  const SUPPORT = {
    supported: ["✓", "supported: the source says exactly this"],
    partly: ["~", "partly supported by its source"],
    unsupported: ["✗", "not supported by its source"],
  };

  /* Make an element. Children that are strings become text. */
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  };
  checkable.make = make;

  const hidden = (text) => make("span", { class: "hidden" }, text);
  const place = (source) => [source.document, ...(source.place ? [source.place] : []), ...source.heading].join(" › ");

  /* The collection that this page is about stands in its own address, and goes along with whatever it asks for. */
  checkable.collection = new URLSearchParams(window.location.search).get("collection");
  checkable.at = (path) =>
    checkable.collection ? `${path}${path.includes("?") ? "&" : "?"}collection=${encodeURIComponent(checkable.collection)}` : path;

  /* Fetch JSON from our own server; an error has the server's own words. */
  checkable.call = async (path, options = {}) => {
    let response;
    try {
      response = await fetch(checkable.at(path), { credentials: "same-origin", ...options });
    } catch {
      throw new Error("The server cannot be reached. Is it still running?");
    }
    const body = await response.json().catch(() => ({}));
    if (!response.ok) {
      const detail = typeof body.detail === "string" ? body.detail : `the server answered ${response.status}`;
      throw new Error(detail);
    }
    return body;
  };
  const put = (path, method, value) =>
    checkable.call(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(value) });
  checkable.put = put;

  /* ---- the panel: a source in its document ---- */

  const panel = () => {
    const title = make("h2", { id: "panel-title", tabindex: "-1" });
    const where = make("p", { class: "where" });
    const pages = make("div", { class: "pages", tabindex: "0", role: "region", "aria-label": "Pages of the document", hidden: true });
    const body = make("div", { class: "passage", tabindex: "0", role: "region", "aria-label": "Text of the document" });
    const state = { turn: null, number: 0, total: 0, from: null, sources: [] };
    const step = (by) => open(state.turn, state.number + by, state.sources, state.from);
    const previous = make("button", { type: "button", onclick: () => step(-1) }, "‹ Previous");
    const next = make("button", { type: "button", onclick: () => step(1) }, "Next ›");
    const whole = make("button", { type: "button", onclick: () => openDocument() }, "Open the document");
    const close = make("button", { type: "button", class: "back", onclick: () => hide() }, "Back to answer");
    const controls = make("div", { class: "controls" }, close, previous, next, whole);
    // A dialog of its own on a narrow screen, where it covers everything; beside the conversation on a wide one.
    const element = make("dialog", { class: "panel", "aria-labelledby": "panel-title" }, title, where, controls, pages, body);
    const narrow = window.matchMedia("(max-width: 760px)");
    let shown = null;

    const show = () => {
      if (element.open) return;
      if (narrow.matches) element.showModal();
      else element.show();
    };

    const mark = (before, quote, after) => {
      const marked = make("mark", { id: "marked" }, quote);
      body.replaceChildren(make("p", {}, before, marked, after));
      // Only the panel is scrolled, not the page.
      body.scrollTop = Math.max(0, marked.offsetTop - body.offsetTop - body.clientHeight / 6);
    };
    /* Draw the pages that a source stands on; its text stays below. */
    const drawPages = async (path, here) => {
      let found;
      try {
        found = (await checkable.call(`${path}/pages`)).pages;
      } catch (error) {
        if (here === shown) {
          pages.replaceChildren(make("p", { class: "note" }, error.message));
          pages.hidden = false;
        }
        return;
      }
      if (here !== shown) return;
      const images = found.map(({ page, top }, i) => {
        const address = checkable.at(`${path}/page.png?page=${page}`);
        const alt = `Page ${page} of ${here.document}, with the quoted words painted over; they stand below as text.`;
        const image = make("img", { src: address, alt });
        // Only the panel is scrolled, to the first painted line.
        if (i === 0) image.onload = () => (pages.scrollTop = Math.max(0, top * image.clientHeight - pages.clientHeight / 3));
        return make("a", { href: address, target: "_blank", rel: "noopener" }, image);
      });
      pages.replaceChildren(...images);
      pages.hidden = images.length === 0;
    };
    const hide = () => element.close();
    document.addEventListener("keydown", (e) => e.key === "Escape" && element.open && hide());
    element.addEventListener("close", () => {
      const back = state.from;
      const again = back && document.querySelector(`[data-turn="${CSS.escape(back.turn)}"] [data-number="${back.number}"]`);
      (again ?? document.querySelector("#question textarea"))?.focus();
    });
    const open = async (turn, number, sources, from) => {
      Object.assign(state, { turn, number, sources, from: from ?? { turn, number } });
      previous.disabled = number <= sources[0];
      next.disabled = number >= sources[sources.length - 1];
      whole.disabled = true;
      pages.hidden = true;
      pages.replaceChildren();
      const path = `api/turns/${encodeURIComponent(turn)}/sources/${number}`;
      try {
        shown = await checkable.call(path);
      } catch (error) {
        title.textContent = "Source";
        where.textContent = error.message;
        body.replaceChildren();
        show();
        return;
      }
      title.textContent = number <= sources.cited ? `Source ${number}` : "Passage";
      where.textContent = `${place(shown)}, characters ${shown.start}–${shown.end}`;
      show();
      whole.disabled = shown.gone;
      if (shown.there) {
        mark(shown.before, shown.quote, shown.after);
        if (shown.pages) drawPages(path, shown);
      } else {
        const why = shown.gone
          ? "This document is not indexed any more. The answer quoted it as:"
          : "This document has changed since the answer. It was quoted as:";
        body.replaceChildren(make("p", { class: "changed" }, why), make("blockquote", {}, make("mark", { id: "marked" }, shown.quote)));
      }
      title.focus({ preventScroll: true });
    };
    const openDocument = async () => {
      try {
        const found = await checkable.call(`api/documents/${shown.id}/text`);
        // Offsets count characters, JavaScript counts halves of some.
        const characters = Array.from(found.text);
        const part = (from, to) => characters.slice(from, to).join("");
        pages.hidden = true;
        if (shown.there) mark(part(0, shown.start), part(shown.start, shown.end), part(shown.end));
        else body.replaceChildren(make("p", {}, found.text));
        whole.disabled = true;
      } catch (error) {
        where.textContent = error.message;
      }
    };
    /* Close it when its turn is no longer shown. */
    const keepFor = (turns) => element.open && !turns.some((turn) => turn.id === state.turn) && hide();
    return { element, open, keepFor };
  };

  /* ---- the conversation ---- */

  checkable.chat = (root, props, trigger, watch) => {
    const log = make("div", { class: "log", role: "log", "aria-label": "Conversation" });
    const side = panel();
    const legend = make(
      "p", { class: "legend" },
      "✓ the source says exactly this · ~ partly · ✗ not. Click a number to see the sentence in its document.",
    );
    const fresh = make("button", { type: "button", class: "fresh", onclick: () => trigger("select", { action: "new" }) }, "New conversation");
    const main = make("div", { class: "main" }, fresh, log, legend);
    const drawn = new Map();

    const citation = (turn, number, label, sources, text) =>
      make(
        "button",
        { type: "button", class: "cite", "data-number": number, "aria-label": label, onclick: () => side.open(turn.id, number, sources) },
        text,
      );
    const numbers = (from, to, cited) => Object.assign(Array.from({ length: to - from + 1 }, (_, i) => from + i), { cited });

    const sentence = (turn, claim) => {
      const cited = turn.sources?.length ?? 0;
      const marks = claim.citations.map((n) =>
        turn.id ? citation(turn, n, `Source ${n}: ${place(turn.sources[n - 1])}`, numbers(1, cited, cited), `[${n}]`) : make("span", {}, `[${n}]`),
      );
      const [sign, words] = SUPPORT[claim.support] ?? SUPPORT.unsupported;
      const support = make("span", { class: `support ${claim.support}`, title: words }, make("span", { "aria-hidden": "true" }, sign), hidden(words));
      const source = claim.citations.length ? turn.sources[claim.citations[0] - 1] : null;
      const disputed = turn.conflicts?.some((c) => c.citations.includes(claim.citations[0]));
      const says = disputed ? make("strong", {}, `${source.document}${source.date ? ` (${source.date})` : ""}: `) : null;
      const lead = source?.lead && source.quote === claim.text ? make("span", { class: "lead" }, `(${source.lead.quote}) `) : null;
      return make("p", { class: "sentence" }, says, lead, ...answered(claim.text, source), " ", make("span", { class: "marks" }, ...marks, " ", support));
    };
    /* The short answer stands out in its sentence. */
    const answered = (text, source) => {
      const short = source?.short?.quote;
      const at = short ? text.indexOf(short) : -1;
      return at < 0 ? [text] : [text.slice(0, at), make("strong", { class: "short" }, short), text.slice(at + short.length)];
    };
    const asking = (turn) =>
      make("div", { class: "asking" },
        make("p", {}, turn.words.which),
        make("div", { class: "choices" }, ...turn.choices.map((choice) =>
          make("button", { type: "button", onclick: () => trigger("select", { action: "example", question: choice }) }, choice))));
    const refusal = (turn) => {
      const cited = turn.sources.length;
      const all = numbers(cited + 1, cited + turn.passages.length, cited);
      const nearest = turn.passages.map((passage, i) =>
        make("li", {},
          citation(turn, cited + 1 + i, `Passage ${i + 1}: ${place(passage)}`, all, place(passage)),
          make("p", {}, passage.text)),
      );
      const looked = turn.looked_at === 1 ? "1 passage was" : `${turn.looked_at} passages were`;
      return make("div", { class: "refusal" },
        make("p", {}, make("strong", {}, turn.words.not_in_documents)),
        make("p", {}, `Searched for “${turn.searched}”; ${looked} read, and no sentence answers it well enough.`),
        nearest.length ? make("h3", {}, turn.words.nearest) : null,
        nearest.length ? make("ol", {}, ...nearest) : null);
    };
    const plain = (turn) =>
      [
        turn.question, "",
        ...(turn.claims?.length ? turn.claims.map((c) => `${c.text} ${c.citations.map((n) => `[${n}]`).join("")}`) : [turn.choices?.length ? [turn.words.which, ...turn.choices].join("\n") : turn.note || "Not in the documents."]),
        "",
        ...(turn.sources ?? []).map((s, i) => `[${i + 1}] ${place(s)}: “${s.quote}”`),
      ].join("\n").trim();
    const copy = async (button, turn) => {
      try {
        await navigator.clipboard.writeText(plain(turn));
        button.textContent = "Copied";
      } catch {
        button.textContent = "Copying is not allowed here";
      }
      setTimeout(() => (button.textContent = "Copy"), 2000);
    };
    const thumbs = (turn) => {
      const comment = make("input", { type: "text", maxlength: "2000", "aria-label": "Comment on this answer", placeholder: "What was right or wrong? (optional)" });
      const said = make("span", { role: "status" });
      const form = make("form", { class: "comment", hidden: true, onsubmit: (e) => { e.preventDefault(); rate(turn.thumb, comment.value); form.hidden = true; } },
        comment, make("button", { type: "submit" }, "Send"));
      const rate = async (thumb, words = "") => {
        try {
          await put(`api/feedback/${turn.id}`, "PUT", { thumb, comment: words });
          turn.thumb = thumb;
          said.textContent = thumb ? "Thank you, noted." : "Taken back.";
          for (const [button, own] of [[up, "up"], [down, "down"]]) button.setAttribute("aria-pressed", String(own === thumb));
        } catch (error) {
          said.textContent = error.message;
        }
      };
      const thumb = (own, label) =>
        make("button", { type: "button", "aria-pressed": String(turn.thumb === own), onclick: async () => {
          await rate(turn.thumb === own ? "" : own);
          form.hidden = !turn.thumb;
        } }, label);
      const up = thumb("up", "Helpful");
      const down = thumb("down", "Not helpful");
      return [up, down, said, form];
    };
    const actions = (turn) => {
      const act = (action, label) => make("button", { type: "button", class: action, onclick: () => trigger("select", { action, turn: turn.id }) }, label);
      const copying = make("button", { type: "button", onclick: () => copy(copying, turn) }, "Copy");
      return make("div", { class: "actions" }, copying, act("retry", "Ask again"), act("edit", "Edit"), ...(turn.verdict ? thumbs(turn) : []));
    };
    const article = (turn) => {
      const parts = [make("h2", { class: "asked" }, hidden("You asked: "), turn.question)];
      if (turn.searched && turn.searched !== turn.question) parts.push(make("p", { class: "searched" }, `${turn.words?.searched ?? "Searched for"}: ${turn.searched}`));
      if (turn.note) parts.push(make("p", { class: "note" }, turn.note));
      if (turn.verdict === "not_in_documents") parts.push(refusal(turn));
      if (turn.where) parts.push(make("p", { class: "gathered" }, `${turn.words.only} ${turn.where}`));
      if (turn.choices?.length) parts.push(asking(turn));
      if (turn.conflicts?.length) parts.push(make("p", { class: "conflict" }, turn.words.disagree));
      for (const claim of turn.claims ?? []) parts.push(sentence(turn, claim));
      if (turn.gathered) parts.push(make("p", { class: "gathered" }, turn.gathered));
      for (const line of turn.writing ?? []) parts.push(make("p", { class: "gathered" }, line));
      if (turn.dropped && !turn.writing?.length) parts.push(make("p", { class: "note" }, `${turn.dropped} left out: not supported by the documents any more.`));
      if (turn.id) parts.push(actions(turn));
      else {
        if (turn.claims) parts.push(make("p", { class: "busy" }, "Writing …"));
        else for (const passage of turn.passages ?? []) parts.push(make("p", { class: "reading" }, `Reading ${place(passage)}`));
        if (!turn.claims) parts.push(make("p", { class: "busy" }, "Looking in your documents …"));
      }
      return make("article", { class: turn.id ? "turn" : "turn live", "data-turn": turn.id ?? "live", "aria-label": turn.question.slice(0, 80) }, ...parts);
    };
    const examples = (questions) =>
      make("div", { class: "examples" },
        make("p", {}, questions.length ? "For example:" : "Ask a question about your documents. Every sentence of the answer is a quote that you can check with one click."),
        ...questions.map((question) => make("button", { type: "button", onclick: () => trigger("select", { action: "example", question }) }, question)));

    /* Put the elements in, touching only what changed: a screen reader reads out what is new, and focus stays. */
    const arrange = (elements) => {
      elements.forEach((element, i) => log.children[i] !== element && log.insertBefore(element, log.children[i] ?? null));
      while (log.children.length > elements.length) log.lastElementChild.remove();
    };
    const cancel = () => make("button", { type: "button", onclick: () => trigger("select", { action: "cancel" }) }, "Cancel");
    const draw = () => {
      const value = props.value ?? {};
      const turns = value.turns ?? [];
      const before = document.activeElement;
      const shown = turns.map((turn) => {
        const key = JSON.stringify(turn);
        if (drawn.get(turn.id)?.key !== key) drawn.set(turn.id, { key, element: article(turn) });
        return drawn.get(turn.id).element;
      });
      if (value.live) shown.push(article(value.live));
      if (!turns.length && !value.live) shown.push(examples(value.examples ?? []));
      if (value.note) shown.push(make("p", { class: "note", role: "alert" }, value.note));
      if (value.editing) {
        const says = "Change the question below and send it: its answer takes the place of this one and those after it. ";
        shown.push(make("p", { class: "note", role: "status" }, says, cancel()));
      }
      const grew = shown[shown.length - 1] !== log.lastElementChild;
      // subtle: Gradio draws its template anew with every value, so our own elements must be put in again.
      const holder = root.querySelector(".chat-root") ?? root;
      if (main.parentNode !== holder) holder.replaceChildren(main, side.element);
      arrange(shown);
      fresh.hidden = !turns.length && !value.live;
      legend.hidden = !turns.length;
      side.keepFor(turns);
      if (grew) log.lastElementChild?.scrollIntoView({ block: "nearest" });
      const box = document.querySelector("#question textarea");
      const lost = document.activeElement === document.body && before !== document.body;
      if (value.editing || (lost && !window.matchMedia("(pointer: coarse)").matches)) box?.focus({ preventScroll: true });
      checkable.conversation = value.conversation;
      window.dispatchEvent(new Event("checkable:changed"));
    };
    watch("value", draw);
    draw();
  };

  /* ---- which collection, for those who have several ---- */

  checkable.collections = async (root) => {
    let found;
    try {
      found = await checkable.call("api/collections");
    } catch {
      // The one in the address is not there: those that are can be chosen.
      found = await fetch("api/collections", { credentials: "same-origin" }).then((r) => r.json(), () => []);
    }
    const names = found.map((one) => one.name);
    if (names.length < 2) return;
    if (checkable.collection && !names.includes(checkable.collection)) names.unshift("");
    const options = names.map((name) => make("option", { value: name, selected: name === checkable.collection }, name));
    const choose = make("select", { id: "collection", onchange: () => {
      const address = new URL(window.location.href);
      address.searchParams.set("collection", choose.value);
      window.location.assign(address);
    } }, ...options);
    root.replaceChildren(make("label", { for: "collection" }, "Collection"), " ", choose);
  };

  /* ---- the list of conversations ---- */

  checkable.conversations = (root, trigger) => {
    const said = make("p", { role: "status" });
    const search = make("input", { type: "search", "aria-label": "Search in conversations", placeholder: "Search in conversations", oninput: () => load() });
    const heading = make("h2", { tabindex: "-1" }, "Your conversations");
    const list = make("ul", { class: "listed" });
    const fail = (error) => (said.textContent = error.message);
    const open = (id) => {
      trigger("select", { conversation: id });
      [...document.querySelectorAll("[role=tab]")].find((tab) => tab.textContent.trim() === "Chat")?.click();
    };
    const entry = (conversation) => {
      const path = `api/conversations/${conversation.id}`;
      const rename = async () => {
        const title = prompt("Title of the conversation", conversation.title);
        if (title) await put(path, "PATCH", { title }).then(load, fail);
        heading.focus();
      };
      const remove = async () => {
        if (confirm(`Delete “${conversation.title}” with all its answers?`)) await checkable.call(path, { method: "DELETE" }).then(load, fail);
        if (conversation.id === checkable.conversation) trigger("select", { conversation: null });
        heading.focus();
      };
      const button = (label, onclick) => make("button", { type: "button", "aria-label": `${label}: ${conversation.title}`, onclick }, label);
      const link = (form, label) => make("a", { href: checkable.at(`${path}/export.${form}`), download: "", "aria-label": `Save as ${label}: ${conversation.title}` }, label);
      return make("li", {},
        make("button", { type: "button", class: "open", onclick: () => open(conversation.id) }, conversation.title),
        make("span", { class: "when" }, new Date(conversation.updated).toLocaleString()),
        button("Rename", rename), button("Delete", remove), link("md", "Markdown"), link("json", "JSON"));
    };
    const load = async () => {
      try {
        const found = await checkable.call(`api/conversations?words=${encodeURIComponent(search.value)}`);
        list.replaceChildren(...found.map(entry));
        said.textContent = found.length ? "" : search.value ? "No conversation has these words." : "No conversations yet.";
      } catch (error) {
        fail(error);
      }
    };
    root.replaceChildren(heading, search, said, list);
    window.addEventListener("checkable:changed", load);
    load();
  };
})();
