// The web view's page: asks for what is to be seen and shows it. All that comes is text of others (names, messages), so it gets into the page
// as text alone; an element is made here or not at all.
'use strict'

const $ = id => document.getElementById(id)
const make = (tag, text, attributes) => {
  const e = document.createElement(tag)
  if (text !== undefined) e.textContent = text
  for (const name in attributes) e.setAttribute(name, attributes[name])
  return e
}

// State.

// Milliseconds between looks, and before the second, since rates are of the time between two; times that a look has taken at a node for which
// that is left alone after it, and the most of that; points of a chart; events.
const INTERVAL = 1000, SOON = 300, SHARE = 50, LONGEST = 5000, POINTS = 120, EVENTS = 500
// Looks at a process that is not found before it is not asked for any more.
const MISSES = 5
// Children of a process that are listed in the tree.
const CHILDREN = 200
const state = { view: 'processes', pid: '', by: 'reductions', paused: false, failed: '', misses: 0, snapshot: null, timer: 0, asking: false }
// Messages that waited and bytes that had gone at the last look, and when that was.
let before = { mailboxes: new Map(), traffic: new Map(), at: 0 }

// Figures as text.

const short = n => {
  if (n < 10000) return String(Math.round(n))
  for (const unit of ['k', 'M', 'G', 'T']) {
    n /= 1000
    if (n < 1000) return n.toFixed(n < 10 ? 2 : n < 100 ? 1 : 0) + unit
  }
  return n.toExponential(1)
}
const bytes = n => {
  if (n < 10000) return Math.round(n) + ' B'
  for (const unit of ['KiB', 'MiB', 'GiB', 'TiB']) {
    n /= 1024
    if (n < 1024) return n.toFixed(n < 10 ? 2 : n < 100 ? 1 : 0) + ' ' + unit
  }
  return n.toExponential(1)
}
const place = p => (p.current ? p.current + (p.line > 0 ? ':' + p.line : '') : '') + (p.func ? ' in ' + p.func : '')
const named = p => p.pid + (p.name ? " '" + p.name + "'" : '')
const link = (pid, text) => make('a', text || pid, { href: '#process/' + encodeURIComponent(pid) })

// Tables. A column: head, what a cell shows (a text or an element), class, and for a column that sorts its order.

function headOf(table, columns) {
  const row = make('tr')
  for (const c of columns) {
    const th = make('th', c.by ? undefined : c.head, { scope: 'col', class: c.kind || '' })
    if (c.by) {
      const button = make('button', c.head, { type: 'button', title: 'Sort by ' + c.head.toLowerCase() })
      button.addEventListener('click', () => sort(c.by))
      th.append(button)
      th.dataset.by = c.by
    }
    row.append(th)
  }
  table.tHead.replaceChildren(row)
}
// Rows keep their elements, so that the focus stays where it is and little changes.
function fill(table, columns, rows, keyOf) {
  const body = table.tBodies[0]
  const old = new Map()
  for (const tr of body.rows) old.set(tr.dataset.key, tr)
  const focused = body.contains(document.activeElement) ? document.activeElement.closest('tr').dataset.key : null
  let at = body.firstChild
  for (const r of rows) {
    const key = keyOf(r)
    let tr = old.get(key)
    old.delete(key)
    if (!tr) {
      tr = make('tr')
      tr.dataset.key = key
      for (const c of columns) tr.append(make(c.heads ? 'th' : 'td', undefined, c.heads ? { scope: 'row' } : { class: c.kind || '' }))
    }
    columns.forEach((c, i) => {
      const cell = tr.children[i], shown = c.show(r)
      if (shown instanceof Node) {
        if (!cell.firstChild || cell.firstChild.textContent !== shown.textContent) cell.replaceChildren(shown)
      } else if (cell.textContent !== shown) {
        cell.textContent = shown
      }
    })
    if (tr === at) at = at.nextSibling
    else body.insertBefore(tr, at)
  }
  for (const tr of old.values()) tr.remove()
  if (focused !== null && !body.contains(document.activeElement)) {
    for (const tr of body.rows) {
      if (tr.dataset.key === focused) tr.querySelector('a')?.focus({ preventScroll: true })
    }
  }
}

const columns = [
  { head: 'Pid', by: 'age', heads: true, show: p => link(p.pid) },
  { head: 'Name', show: p => p.name || '-' },
  { head: 'Node', show: p => p.node },
  { head: 'Status', show: p => p.status },
  { head: 'Reductions/s', by: 'reductions', kind: 'figure', show: p => p.rate === null ? '-' : short(p.rate) },
  { head: 'Messages/s', by: 'messages', kind: 'figure', show: p => p.arrivals === null ? '-' : short(p.arrivals) },
  { head: 'Memory', by: 'memory', kind: 'figure', show: p => bytes(p.memory) },
  { head: 'Mailbox', by: 'mailbox', kind: 'figure', show: p => short(p.mailbox) },
  { head: 'Grows/s', kind: 'figure', show: p => p.growth === null || Math.abs(p.growth) < 0.5 ? '-' : (p.growth > 0 ? '+' : '-') + short(Math.abs(p.growth)) },
  { head: 'Filled by', show: p => p.senders.length ? link(p.senders[0].pid, p.senders[0].pid + ' ' + p.senders[0].share + '%') : '-' },
  { head: 'Where', kind: 'place', show: place },
]
const nodeColumns = [
  { head: 'Node', heads: true, show: n => n.shown },
  { head: 'Processes', kind: 'figure', show: n => n.failed ? n.failed : short(n.processes) },
  { head: 'Ready', kind: 'figure', show: n => short(n.ready) },
  { head: 'Running', kind: 'figure', show: n => n.running + '/' + n.workers },
  { head: 'Blocked', kind: 'figure', show: n => short(n.blocked) },
  { head: 'Reductions/s', kind: 'figure', show: n => n.elapsed > 0 ? short(n.recent / n.elapsed * 1000) : '-' },
  { head: 'Memory', kind: 'figure', show: n => bytes(n.memory) },
  { head: 'Messages/s', kind: 'figure', show: n => n.elapsed > 0 ? short(n.came / n.elapsed * 1000) : '-' },
  { head: 'Mailbox', kind: 'figure', show: n => short(n.mailbox) },
]
const trafficColumns = [
  { head: 'Node', heads: true, show: t => t.node },
  { head: 'With', show: t => t.name },
  { head: 'Sent/s', kind: 'figure', show: t => bytes(t.sentRate) },
  { head: 'Received/s', kind: 'figure', show: t => bytes(t.receivedRate) },
  { head: 'Waiting', kind: 'figure', show: t => bytes(t.waiting) },
]

// Looks.

function question() {
  const q = new URLSearchParams()
  q.set('by', state.view === 'waits' ? 'waits' : state.view === 'tree' ? 'age' : state.by)
  q.set('most', state.view === 'waits' ? 900 : state.view === 'tree' ? 1000 : state.view === 'processes' ? $('most').value : 0)
  if (state.view === 'processes') {
    q.set('filter', $('filter').value)
    q.set('node', $('scope').value)
  }
  if (state.view === 'process' && state.misses < MISSES) q.set('process', state.pid)
  return q
}
async function look() {
  clearTimeout(state.timer)
  if (state.asking) return
  state.asking = true
  const asked = String(question())
  const first = !state.snapshot
  const is_asked = () => asked === String(question())
  try {
    const answer = await fetch('look?' + asked)
    if (!answer.ok) throw new Error(await answer.text())
    const snapshot = await answer.json()
    // What was asked for may not be what is to be shown any more.
    if (is_asked()) take(snapshot)
    state.failed = snapshot.failed || ''
  } catch (e) {
    state.failed = 'no answer: ' + e.message
  }
  state.asking = false
  tell()
  const took = Math.max(0, ...(state.snapshot?.nodes || []).map(n => n.took))
  if (!state.paused) state.timer = setTimeout(look, document.hidden ? 10 * INTERVAL : !is_asked() ? 0 : first ? SOON : Math.max(INTERVAL, Math.min(took * SHARE, LONGEST)))
}
function tell() {
  const slow = (state.snapshot?.nodes || []).filter(n => n.failed).map(n => n.name + ': ' + n.failed)
  const text = [state.paused ? 'paused' : '', state.failed, ...slow].filter(Boolean).join('; ')
  if ($('state').textContent !== text) $('state').textContent = text
  $('state').classList.toggle('wrong', Boolean(state.failed || slow.length))
}
function take(snapshot) {
  state.snapshot = snapshot
  const now = performance.now(), seconds = (now - before.at) / 1000, is_first = !before.at
  const mailboxes = new Map(), traffic = new Map()
  let all = [], links = []
  for (const n of snapshot.nodes) {
    n.shown = n.name || 'this program'
    const elapsed = n.elapsed / 1000
    for (const p of n.rows.concat(n.detail || [])) {
      p.node = n.shown
      p.rate = elapsed > 0 ? p.recent / elapsed : null
      p.arrivals = elapsed > 0 ? p.came / elapsed : null
      const then = before.mailboxes.get(p.pid)
      p.growth = then === undefined || is_first ? null : (p.mailbox - then) / seconds
      mailboxes.set(p.pid, p.mailbox)
    }
    all = all.concat(n.rows)
    for (const t of n.nodes) {
      const key = n.name + ' ' + t.name, then = before.traffic.get(key)
      t.node = n.shown
      t.sentRate = then ? Math.max(0, t.sent - then.sent) / seconds : 0
      t.receivedRate = then ? Math.max(0, t.received - then.received) / seconds : 0
      traffic.set(key, t)
      links.push(t)
    }
  }
  before = { mailboxes, traffic, at: now }
  notice(snapshot)
  chart(snapshot)
  show(all, links)
}

// What is shown.

const keys = { reductions: p => p.recent, memory: p => p.memory, mailbox: p => p.mailbox, messages: p => p.came, age: () => 0 }
function show(all, links) {
  const s = state.snapshot
  $('title').textContent = s.nodes[0].shown
  const names = ['', ...s.nodes.map(n => n.name).filter(Boolean)]
  if (names.join('\n') !== [...$('scope').options].map(o => o.value).join('\n')) {
    const chosen = $('scope').value
    $('scope').replaceChildren(...names.map(n => make('option', n || 'all', { value: n })))
    $('scope').value = names.includes(chosen) ? chosen : ''
  }
  if (state.view === 'processes') {
    const key = keys[state.by]
    all.sort((a, b) => key(b) - key(a))
    fill($('processes'), columns, all.slice(0, Number($('most').value)), p => p.node + ' ' + p.pid)
  } else if (state.view === 'process') {
    showProcess(s)
  } else if (state.view === 'nodes') {
    fill($('nodes'), nodeColumns, s.nodes, n => n.name)
    fill($('traffic'), trafficColumns, links, t => t.node + ' ' + t.name)
  } else if (state.view === 'tree') {
    showTree(all)
  } else if (state.view === 'waits' && s.waits) {
    showWaits(s.waits)
  }
}
function showProcess(s) {
  const p = s.nodes.map(n => n.detail).find(Boolean)
  state.misses = p ? 0 : state.misses + 1
  $('process-title').textContent = 'Process ' + (p ? named(p) : state.pid)
  if (!p) {
    if (state.misses > 1) $('facts').replaceChildren(make('dt', 'Status'), make('dd', 'it has ended, or is at no node that answers'))
    return
  }
  const facts = [
    ['Node', p.node], ['Status', p.status], ['Where', place(p) || 'it runs at this moment'],
    ['Reductions', short(p.reductions) + (p.rate === null ? '' : ', ' + short(p.rate) + '/s')], ['Memory', bytes(p.memory)],
    ['Mailbox', short(p.mailbox) + (p.mailbox === 1 ? ' message' : ' messages') + (p.growth ? ', ' + (p.growth > 0 ? '+' : '') + Math.round(p.growth) + '/s' : '')],
    ['Filled by', p.senders.map(s => s.pid)], ['Shares', p.senders.map(s => s.share + '%').join(' ')],
    ['Waits', p.waits ? p.waits + (p.waitstimed ? ', until a time is over' : '') : ''],
    ['Waits for', p.waitsfor], ['Parent', p.parent ? [p.parent] : ''], ['Links', p.links], ['Monitors', p.monitors],
  ]
  const focus = $('facts').contains(document.activeElement) ? document.activeElement.getAttribute('href') : null
  $('facts').replaceChildren()
  for (const [name, value] of facts) {
    if (!value.length) continue
    const dd = make('dd')
    if (Array.isArray(value)) value.forEach(pid => dd.append(link(pid), ' '))
    else dd.textContent = value
    $('facts').append(make('dt', name), dd)
  }
  if (focus) [...$('facts').querySelectorAll('a')].find(a => a.getAttribute('href') === focus)?.focus({ preventScroll: true })
  const parts = []
  if (p.heads.length) {
    parts.push(make('h3', p.mailbox > p.heads.length ? 'The oldest messages' : 'Messages'))
    parts.push(listing(['', 'Begins with'], p.heads.map((h, i) => [String(i + 1), h])))
  }
  if (p.frames.length) parts.push(make('h3', 'Where it is, the innermost function first'))
  for (const f of p.frames) {
    parts.push(make('h4', place(f) || '?'))
    if (f.variables.length) parts.push(listing(['Variable', 'Holds'], f.variables.map(v => [v.name, v.value])))
  }
  $('detail').replaceChildren(...parts)
}
// A table of texts.
function listing(heads, rows) {
  const table = make('table'), head = make('tr'), body = make('tbody')
  heads.forEach(h => head.append(make('th', h, { scope: 'col' })))
  for (const r of rows) {
    const tr = make('tr')
    r.forEach((text, i) => tr.append(make('td', text, { class: i === r.length - 1 ? 'text' : '' })))
    body.append(tr)
  }
  const thead = make('thead')
  thead.append(head)
  table.append(thead, body)
  return table
}
// The tree: parents that are not listed, since they have ended or are of another node, are named above their children.
function showTree(all) {
  const known = new Map(all.map(p => [p.pid, p])), children = new Map(), tops = []
  for (const p of all) {
    if (known.has(p.parent) && p.parent !== p.pid) {
      if (!children.has(p.parent)) children.set(p.parent, [])
      children.get(p.parent).push(p)
    } else tops.push(p)
  }
  const tree = $('tree')
  const closed = new Set([...tree.querySelectorAll('details:not([open])')].map(d => d.dataset.pid))
  const focus = tree.contains(document.activeElement) ? document.activeElement : null
  const focused = focus && (focus.getAttribute('href') || focus.parentElement.dataset.pid)
  const line = p => [link(p.pid, named(p)), make('span', ' ' + [p.node, p.status, bytes(p.memory), p.mailbox ? p.mailbox + ' waiting' : '', place(p)].filter(Boolean).join(', '), { class: 'faint' })]
  // Without recursion: a chain of processes may be long.
  const lists = new Map([[null, make('ul')]])
  const todo = tops.map(p => [null, p])
  for (let i = 0; i < todo.length; i++) {
    const [parent, p] = todo[i], item = make('li'), below = children.get(p.pid)
    if (below) {
      const details = make('details'), summary = make('summary'), list = make('ul')
      details.dataset.pid = p.pid
      details.open = !closed.has(p.pid)
      summary.append(...line(p), make('span', ' (' + below.length + ')'))
      lists.set(p.pid, list)
      details.append(summary, list)
      item.append(details)
      // Of many, those with children and those with names come first.
      if (below.length > CHILDREN) below.sort((a, b) => children.has(b.pid) - children.has(a.pid) || Boolean(b.name) - Boolean(a.name))
      for (const c of below.slice(0, CHILDREN)) todo.push([p.pid, c])
      if (below.length > CHILDREN) list.dataset.more = below.length - CHILDREN
    } else item.append(...line(p))
    lists.get(parent).append(item)
  }
  for (const list of lists.values()) {
    if (list.dataset.more) list.append(make('li', '... and ' + list.dataset.more + ' more', { class: 'faint' }))
  }
  tree.replaceChildren(...lists.get(null).children)
  if (focused) [...tree.querySelectorAll('a, summary')].find(e => e.getAttribute('href') === focused || e.parentElement.dataset.pid === focused)?.focus({ preventScroll: true })
}

// Who waits for whom.
function showWaits(w) {
  const links = (pids, between) => {
    const span = make('span')
    pids.forEach((pid, i) => span.append(i ? between : '', link(pid, w.names[pid] ? pid + " '" + w.names[pid] + "'" : pid)))
    return span
  }
  const parts = []
  const list = (title, items) => {
    if (!items.length) return
    const ul = make('ul')
    items.forEach(i => ul.append(i))
    parts.push(make('h3', title), ul)
  }
  const item = (...content) => {
    const li = make('li')
    li.append(...content)
    return li
  }
  list('In a circle, each waits for the next', w.circles.map(c => {
    const more = c.length > c.pids.length ? ' ... ' + (c.length - c.pids.length) + ' more' : ''
    const why = c.timed ? ' (until a time is over)' : c.outside ? ' (or for another outside)' : ''
    const li = item(links(c.pids.concat(more ? [] : c.pids[0]), ' \u2192 '), more + why)
    if (!why) li.prepend(make('strong', 'stuck: ', { class: 'wrong' }))
    return li
  }))
  if (w.circles.length || w.waits.length) parts.push(graph(w))
  list('Holds up how many, directly or not', w.holders.map(h => item(make('strong', h.holds + ' '), links([h.pid], ''), ' ' + h.state)))
  list('Waits for whom', w.waits.map(x => item(links([x.pid], ''), ' for ', links(x.whom, ' or '), ' ' + x.state + (x.timed ? ', until a time is over' : ''))))
  if (w.all > w.waits.length) parts.push(make('p', '... and ' + (w.all - w.waits.length) + ' more'))
  if (!parts.length) parts.push(make('p', 'Nobody waits for a process that is known.'))
  const focus = $('waits').contains(document.activeElement) ? document.activeElement.getAttribute('href') : null
  $('waits').replaceChildren(...parts)
  if (focus) [...$('waits').querySelectorAll('a')].find(a => a.getAttribute('href') === focus)?.focus({ preventScroll: true })
}
// A drawing of the same: circles first, on one ring each, then those that wait for them; the lists say it in words.
function graph(w) {
  const places = new Map(), edges = []
  const add = (pid, x, y) => { if (!places.has(pid) && places.size < 40) places.set(pid, [x, y]) }
  let x = 110
  for (const c of w.circles.slice(0, 4)) {
    const pids = c.pids.slice(0, 10)
    pids.forEach((pid, i) => add(pid, x + 70 * Math.cos(2 * Math.PI * i / pids.length), 110 + 70 * Math.sin(2 * Math.PI * i / pids.length)))
    x += 240
  }
  let n = 0
  for (const h of w.holders.slice(0, 4)) add(h.pid, x + 60 + 160 * (n >> 1), 60 + 100 * (n++ & 1))
  n = 0
  for (const wait of w.waits) {
    if (wait.whom.some(pid => places.has(pid))) add(wait.pid, 60 + 130 * (n % 7), 230 + 50 * Math.floor(n++ / 7))
  }
  for (const wait of w.waits) for (const pid of wait.whom) if (places.has(wait.pid) && places.has(pid)) edges.push([wait.pid, pid])
  const svg = draw('svg', { viewBox: '0 0 980 ' + (n ? 250 + 50 * Math.ceil(n / 7) : 210), role: 'img', class: 'graph', 'aria-label': 'Wait-for graph: ' + places.size + ' processes, ' + edges.length + ' waits; the lists say which' })
  const marker = draw('marker', { id: 'arrow', viewBox: '0 0 10 10', refX: 10, refY: 5, markerWidth: 7, markerHeight: 7, orient: 'auto' })
  marker.append(draw('path', { d: 'M0 0L10 5L0 10z' }))
  svg.append(marker)
  const stuck = new Set(w.circles.flatMap(c => c.pids))
  for (const [a, b] of edges) {
    const [ax, ay] = places.get(a), [bx, by] = places.get(b), d = Math.hypot(bx - ax, by - ay) || 1
    svg.append(draw('line', { x1: ax, y1: ay, x2: bx - (bx - ax) / d * 14, y2: by - (by - ay) / d * 14, 'marker-end': 'url(#arrow)', class: stuck.has(a) && stuck.has(b) ? 'stuck' : '' }))
  }
  for (const [pid, [px, py]] of places) {
    svg.append(draw('circle', { cx: px, cy: py, r: 5, class: stuck.has(pid) ? 'stuck' : '' }))
    const text = draw('text', { x: px + 8, y: py - 8 })
    text.textContent = (w.names[pid] || pid).slice(0, 24)
    svg.append(text)
  }
  return svg
}
const draw = (tag, attributes) => {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const name in attributes) e.setAttribute(name, attributes[name])
  return e
}

// Charts: of all nodes together. A figure that is of a time has none at the first look.
const sum = (s, of) => s.nodes.reduce((all, n) => all + of(n), 0)
const perSecond = name => s => s.nodes.some(n => n.elapsed > 0) ? sum(s, n => n.elapsed > 0 ? n[name] / n.elapsed * 1000 : 0) : null
const charts = [
  { name: 'Processes', of: s => sum(s, n => n.processes), text: short },
  { name: 'Reductions/s', of: perSecond('recent'), text: short },
  { name: 'Messages/s', of: perSecond('came'), text: short },
  { name: 'Messages waiting', of: s => sum(s, n => n.mailbox), text: short },
  { name: 'Memory', of: s => sum(s, n => n.memory), text: bytes },
]
for (const c of charts) {
  c.points = []
  c.figure = make('figure')
  c.value = make('strong', '-')
  c.svg = draw('svg', { viewBox: '0 0 ' + (POINTS - 1) + ' 40', preserveAspectRatio: 'none', role: 'img', 'aria-label': c.name })
  c.line = draw('polyline', { points: '' })
  c.svg.append(c.line)
  const caption = make('figcaption')
  caption.append(make('span', c.name), c.value)
  c.figure.append(caption, c.svg)
  $('charts').append(c.figure)
}
function chart(s) {
  for (const c of charts) {
    const now = c.of(s)
    if (now === null || !Number.isFinite(now)) continue
    c.points.push(now)
    if (c.points.length > POINTS) c.points.shift()
    c.value.textContent = c.text(now)
    const most = Math.max(1, ...c.points), from = POINTS - c.points.length
    c.line.setAttribute('points', c.points.map((v, i) => from + i + ',' + (39 - 37 * v / most).toFixed(1)).join(' '))
    c.svg.setAttribute('aria-label', c.name + ': ' + c.text(now) + ' now, from ' + c.text(Math.min(...c.points)) + ' to ' + c.text(most) + ' in the last two minutes')
  }
}

// Events: what is different from the last look.
const seen = { nodes: null, moves: new Map(), circles: new Set() }
function notice(s) {
  const said = new Map(s.nodes.map(n => [n.shown, n.failed || '']))
  if (seen.nodes) {
    for (const [name, failed] of said) {
      if (!seen.nodes.has(name)) event('node ' + name + ' is there')
      else if (failed && !seen.nodes.get(name)) event('node ' + name + ': ' + failed, true)
      else if (!failed && seen.nodes.get(name)) event('node ' + name + ' answers again')
    }
    for (const name of seen.nodes.keys()) if (!said.has(name)) event('node ' + name + ' is gone', true)
  }
  seen.nodes = said
  for (const n of s.nodes) {
    if (n.failed || !n.moves) continue
    const last = seen.moves.get(n.shown)
    for (const m of n.moves) {
      if (last !== undefined && m.number <= last) continue
      const who = m.pid + (m.name ? " '" + m.name + "'" : '')
      event(m.arrived ? who + ' has come to ' + n.shown + ' from ' + m.node : who + ' has gone from ' + n.shown + ' to ' + m.node, false, m.pid, m.ago)
    }
    seen.moves.set(n.shown, n.moves.reduce((most, m) => Math.max(most, m.number), last || 0))
  }
  for (const c of s.waits?.circles || []) {
    const key = c.pids.join(' ')
    if (!seen.circles.has(key) && !c.timed && !c.outside) event(c.length + ' processes wait for each other: ' + c.pids.slice(0, 6).join(', '), true, c.pids[0])
    if (seen.circles.size < EVENTS) seen.circles.add(key)
  }
}
function event(text, wrong, pid, ago) {
  const li = make('li', undefined, { class: wrong ? 'wrong' : '' })
  li.append(make('time', new Date(Date.now() - (ago || 0)).toLocaleTimeString()), ' ', pid ? link(pid, text) : text)
  $('events').prepend(li)
  while ($('events').children.length > EVENTS) $('events').lastChild.remove()
}

// What is chosen.

function mark(by) {
  state.by = by
  for (const th of $('processes').querySelectorAll('th[data-by]')) {
    if (th.dataset.by === by) th.setAttribute('aria-sort', by === 'age' ? 'ascending' : 'descending')
    else th.removeAttribute('aria-sort')
  }
}
function sort(by) {
  mark(by)
  if (state.view !== 'processes') location.hash = '#processes'
  else look()
}
function route() {
  const [view, pid] = location.hash.slice(1).split('/')
  const shown = $('view-' + view) ? view : 'processes'
  const is_new = shown !== state.view || decoded(pid) !== state.pid
  state.view = shown
  state.pid = decoded(pid)
  state.misses = 0
  for (const section of document.querySelectorAll('.view')) section.classList.toggle('shown', section.id === 'view-' + shown)
  for (const a of document.querySelectorAll('nav a')) {
    if (a.dataset.view === shown) a.setAttribute('aria-current', 'page')
    else a.removeAttribute('aria-current')
  }
  if (shown === 'process' && is_new) {
    $('process-title').textContent = 'Process ' + state.pid
    $('facts').replaceChildren()
    $('detail').replaceChildren()
    $('process-title').focus({ preventScroll: true })
  }
  look()
}
function decoded(text) {
  try { return decodeURIComponent(text || '') } catch { return '' }
}
function pause() {
  state.paused = !state.paused
  $('pause').setAttribute('aria-pressed', String(state.paused))
  if (state.paused) clearTimeout(state.timer)
  else look()
  tell()
}
function step(by) {
  const links = [...document.querySelectorAll('.view.shown tbody a, .view.shown #tree a')].filter(a => a.offsetParent)
  if (!links.length) return
  const at = links.indexOf(document.activeElement.closest('tr')?.querySelector('a') || document.activeElement)
  links[at < 0 ? 0 : Math.min(Math.max(at + by, 0), links.length - 1)].focus()
}
const orders = { r: 'reductions', m: 'memory', b: 'mailbox', s: 'messages', a: 'age' }
const views = { g: 'tree', t: 'nodes', w: 'waits', e: 'events', '?': 'help' }
document.addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey) return
  const typing = e.target.matches('input, select')
  if (e.key === 'Escape') {
    if (typing) e.target.blur()
    if (state.view !== 'processes') location.hash = '#processes'
    else if ($('filter').value) {
      $('filter').value = ''
      look()
    }
  }
  if (typing) return
  if (orders[e.key]) sort(orders[e.key])
  else if (views[e.key]) location.hash = '#' + views[e.key]
  else if (e.key === 'j' || e.key === 'ArrowDown') step(1)
  else if (e.key === 'k' || e.key === 'ArrowUp') step(-1)
  else if (e.key === 'p') pause()
  else if (e.key === 'n') {
    $('scope').selectedIndex = ($('scope').selectedIndex + 1) % $('scope').options.length
    if (state.view !== 'processes') location.hash = '#processes'
    else look()
  } else if (e.key === '/') {
    location.hash = '#processes'
    setTimeout(() => $('filter').focus())
  } else return
  e.preventDefault()
})
$('choice').addEventListener('submit', e => e.preventDefault())
for (const id of ['filter', 'scope', 'most']) $(id).addEventListener('change', look)
$('filter').addEventListener('input', () => {
  clearTimeout(state.typed)
  state.typed = setTimeout(look, 300)
})
$('pause').addEventListener('click', pause)
window.addEventListener('hashchange', route)
document.addEventListener('visibilitychange', () => { if (!document.hidden && !state.paused) look() })
headOf($('processes'), columns)
headOf($('nodes'), nodeColumns)
headOf($('traffic'), trafficColumns)
mark('reductions')
route()
