// Sorting and filtering of the table of verdicts.
'use strict';
(() => {
  const table = document.getElementById('table'), form = document.querySelector('.filter');
  if (!table) return;
  const body = table.tBodies[0], rows = [...body.rows];
  const key = (row, column) => row.cells[column].dataset.sort || row.cells[column].textContent;
  const inWords = new Map(rows.map(row => [row, row.textContent.toLowerCase()]));

  function filter() {
    const data = new FormData(form), verdicts = new Set(data.getAll('verdict'));
    const words = data.get('text').toLowerCase().split(/\s+/).filter(Boolean), part = data.get('part');
    let shown = 0;
    for (const row of rows) {
      row.hidden = !(verdicts.has(row.dataset.verdict) && (!part || row.dataset.part === part) &&
                     words.every(word => inWords.get(row).includes(word)));
      shown += !row.hidden;
    }
    form.querySelector('output').textContent = shown + ' of ' + rows.length;
  }

  for (const button of table.tHead.querySelectorAll('button'))
    button.addEventListener('click', () => {
      const head = button.closest('th'), column = +button.dataset.column;
      const down = head.getAttribute('aria-sort') === 'ascending';
      for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const order = new Intl.Collator('en', {numeric: true});
      body.append(...rows.toSorted((a, b) => (down ? -1 : 1) * order.compare(key(a, column), key(b, column))));
    });
  form.addEventListener('input', filter);
  form.addEventListener('submit', event => event.preventDefault());
  filter();
})();
// Paper has no folds: what is folded is printed unfolded, but for long tables of numbers.
addEventListener('beforeprint', () => document.querySelectorAll('details:not([open], .long)').forEach(d => {
  d.open = true;
  d.dataset.folded = '';
}));
addEventListener('afterprint', () => document.querySelectorAll('details[data-folded]').forEach(d => {
  d.open = false;
  delete d.dataset.folded;
}));
// Figures that move can be stopped, and started where less motion was asked for.
document.querySelectorAll('button.stop').forEach(button => {
  const still = button.closest('figure').querySelector('source'), usual = still.media;
  const show = stands => {
    still.media = stands ? 'all' : 'print';
    button.textContent = stands ? 'Play' : 'Stop';
  };
  button.hidden = false;
  show(matchMedia(usual).matches);
  button.addEventListener('click', () => show(still.media !== 'all'));
});
