/* The documents tab: what is indexed, adding, removing, bringing in step. */
"use strict";
(() => {
  const checkable = (window.checkable ??= {});

  checkable.documents = (root) => {
    const { make, call } = checkable;
    const said = make("p", { role: "status", id: "documents-said" });
    const heading = make("h2", { tabindex: "-1" }, "Documents");
    const counts = make("p", {});
    const limit = make("p", { id: "limit" });
    const rows = make("tbody");
    const head = ["Name", "Type", "Passages", "Changed", "Remove"].map((name) => make("th", { scope: "col" }, name));
    const table = make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Indexed documents" },
      make("table", {}, make("thead", {}, make("tr", {}, ...head)), rows));
    const uploads = make("ul", { id: "uploads", "aria-label": "Uploads", "aria-live": "polite" });
    const input = make("input", { type: "file", multiple: true, id: "files", "aria-describedby": "limit", onchange: () => addAll([...input.files]) });
    let bytes = Infinity;
    let mayEdit = true;

    /* Send one file, with progress; fetch cannot tell how far it is. */
    const send = (file, progress) =>
      new Promise((resolve, reject) => {
        const form = new FormData();
        form.append("file", file, file.name);
        const request = new XMLHttpRequest();
        request.open("POST", checkable.at("api/documents"));
        request.upload.addEventListener("progress", (e) => progress(e.loaded / e.total));
        request.addEventListener("load", () => {
          const body = (() => { try { return JSON.parse(request.responseText); } catch { return {}; } })();
          if (request.status === 200) resolve(body);
          else reject(new Error(typeof body.detail === "string" ? body.detail : `the server answered ${request.status}`));
        });
        request.addEventListener("error", () => reject(new Error("the server cannot be reached")));
        request.send(form);
      });
    const addAll = async (files) => {
      uploads.replaceChildren();
      for (const file of files) {
        const bar = make("progress", { max: "1", value: "0", "aria-label": `Upload of ${file.name}` });
        const state = make("span", {}, "waiting");
        uploads.append(make("li", {}, `${file.name}: `, bar, " ", state));
        try {
          if (file.size > bytes) throw new Error(`larger than ${bytes / 1e6} MB`);
          if (file.size === 0) throw new Error("empty");
          const done = await send(file, (share) => {
            bar.value = share;
            state.textContent = share < 1 ? "sending" : "reading and indexing";
          });
          state.textContent = done.name === file.name ? "indexed" : `indexed as ${done.name}`;
        } catch (error) {
          state.textContent = `not indexed: ${error.message}`;
          state.className = "failed";
        }
        bar.remove();
      }
      input.value = "";
      await load();
    };
    const remove = async (doc) => {
      const after = doc.uploaded ? "Its uploaded file is deleted." : "Its file stays, and comes back with the next `rag index`.";
      if (!confirm(`Remove “${doc.name}” from the index? ${after}`)) return;
      try {
        await call(`api/documents/${doc.id}`, { method: "DELETE" });
        said.textContent = `Removed ${doc.name}.`;
      } catch (error) {
        said.textContent = error.message;
      }
      await load();
      heading.focus();
    };
    const reindex = async (button) => {
      button.disabled = true;
      said.textContent = "Reading the files again …";
      try {
        const done = await call("api/documents/reread", { method: "POST" });
        const skipped = done.skipped.map((s) => `${s.document}: ${s.reason}`).join("; ");
        said.textContent = `${done.changed} changed, ${done.removed} removed.` + (skipped ? ` Skipped: ${skipped}` : "");
      } catch (error) {
        said.textContent = error.message;
      }
      button.disabled = false;
      await load();
    };
    const row = (doc) =>
      make("tr", {},
        make("th", { scope: "row" }, doc.name),
        make("td", {}, doc.type),
        make("td", {}, String(doc.chunks)),
        make("td", {}, new Date(doc.modified).toLocaleString()),
        make("td", {}, mayEdit ? make("button", { type: "button", "aria-label": `Remove ${doc.name}`, onclick: () => remove(doc) }, "Remove") : ""));
    const load = async () => {
      try {
        const found = await call("api/documents");
        bytes = found.limit;
        mayEdit = found.may_edit;
        for (const element of [label, input, limit, again]) element.hidden = !mayEdit;
        limit.textContent = `${found.formats.join(", ")}; up to ${bytes / 1e6} MB each. They are kept in the folder “${found.uploads}” beside the index.`;
        counts.textContent = found.documents.length ? `${found.documents.length} ${found.documents.length === 1 ? "document" : "documents"}, ${found.passages} passages` : "No documents yet: add some here, or run: rag index FOLDER";
        rows.replaceChildren(...found.documents.map(row));
        table.hidden = !found.documents.length;
        const status = document.querySelector("#status p");
        if (status?.textContent.match(/^(Ready|No documents)/)) status.textContent = `Ready: ${counts.textContent}`;
      } catch (error) {
        said.textContent = error.message;
      }
    };
    const again = make("button", { type: "button", onclick: () => reindex(again) }, "Read the files again");
    const label = make("label", { for: "files" }, "Add documents");
    root.replaceChildren(
      heading, counts,
      label, input, limit, uploads, again, said, table);
    load();
  };
})();
