"use strict";
// Hides the rows that do not hold every word of the search. Without it the page has all rows.
(() => {
    const form = document.querySelector("form");
    const [words, state] = [form.elements.words, form.elements.state];
    const shown = form.querySelector("output");
    const sections = [...document.querySelectorAll("section")].map((section) => ({
        section,
        rows: [...section.querySelectorAll("tbody tr")].map((row) => ({ row, text: row.dataset.text, states: row.dataset.states.split(" ") })),
    }));
    const total = sections.reduce((sum, one) => sum + one.rows.length, 0);

    const search = () => {
        const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
        let count = 0;
        for (const { section, rows } of sections) {
            let here = 0;
            for (const { row, text, states } of rows) {
                row.hidden = !wanted.every((word) => text.includes(word)) || (state.value && !states.includes(state.value));
                here += row.hidden ? 0 : 1;
            }
            section.hidden = here === 0;
            count += here;
        }
        shown.textContent = `${count} of ${total} kernels`;
        const asked = new URLSearchParams();
        if (words.value) asked.set("q", words.value);
        if (state.value) asked.set("state", state.value);
        history.replaceState(null, "", asked.size ? `#?${asked}` : "#");
    };

    // A search can be passed on as a link.
    const given = new URLSearchParams(location.hash.startsWith("#?") ? location.hash.slice(2) : "");
    words.value = given.get("q") ?? "";
    state.value = given.get("state") ?? "";
    form.addEventListener("input", search);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    if (words.value || state.value) search();
    else shown.textContent = `${total} kernels`;
})();
