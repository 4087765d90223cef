// The web view in a real browser, by keys alone and in the dark: `node tests/observe/browser.mjs [SCREENSHOTS]`, after `cargo build`.
//
// Not part of `cargo test`: it needs Chromium and node, and says so, with status 77, where they are absent. It starts three nodes with what
// tests/nodes/observed.lua does, and finds out over the DevTools protocol: what is slow, who floods whom, what hangs, who has moved.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import assert from 'node:assert'

const chromium = ['chromium', 'chromium-browser', 'google-chrome'].find(name => !spawnSync(name, ['--version']).error)
if (!chromium) {
  console.log('not tried: there is no Chromium here')
  process.exit(77)
}
const shots = process.argv[2], home = mkdtempSync(join(tmpdir(), 'rlua-observe-')), children = []
const environment = { ...process.env, HOME: home, RLUA_PMD_PORT: String(20000 + process.pid % 10000) }
const program = process.env.RLUA || 'target/debug/rlua-actor'
const start = (command, args, options) => {
  const child = spawn(command, args, { env: environment, ...options })
  children.push(child)
  return child
}
// Waits until a program has written what fits.
const says = (stream, pattern) => new Promise((found, lost) => {
  let text = ''
  stream.on('data', d => {
    text += d
    const m = text.match(pattern)
    if (m) found(m)
  })
  stream.on('end', () => lost(new Error('it ended: ' + text)))
})
const end = status => {
  for (const c of children) c.kill('SIGKILL')
  rmSync(home, { recursive: true, force: true, maxRetries: 20 })
  process.exit(status)
}
process.on('uncaughtException', e => { console.error(e); end(1) })

const processes = process.env.PROCESSES || '3330'
for (const node of ['b', 'c']) {
  await says(start(program, ['run', 'tests/nodes/observed.lua', processes, node + '@localhost']).stdout, /ready/)
}
const observed = start(program, ['run', '--observe', 'tests/nodes/observed.lua', processes, 'a@localhost', 'b@localhost', 'c@localhost'])
const url = (await says(observed.stderr, /observe at (\S+)\n/))[1]

// The DevTools protocol over a pipe: messages that end with a zero.
const browser = start(chromium, ['--headless=new', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe', '--window-size=1300,900',
  '--user-data-dir=' + join(home, 'profile'), 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] })
const waiting = new Map(), seen = { outside: [], errors: [] }
let number = 0, session, rest = ''
browser.stdio[4].on('data', d => {
  const parts = (rest + d).split('\0')
  rest = parts.pop()
  for (const m of parts.map(p => JSON.parse(p))) {
    if (m.id) waiting.get(m.id)(m)
    else if (m.method === 'Network.requestWillBeSent' && !m.params.request.url.startsWith(url) && !m.params.request.url.startsWith('data:')) seen.outside.push(m.params.request.url)
    else if (m.method === 'Runtime.exceptionThrown') seen.errors.push(m.params.exceptionDetails.exception?.description || m.params.exceptionDetails.text)
    else if (m.method === 'Log.entryAdded' && m.params.entry.level === 'error') seen.errors.push(m.params.entry.text)
    else if (m.method === 'Page.javascriptDialogOpening') seen.errors.push('a name was run')
  }
})
const call = (method, params = {}) => new Promise((done, failed) => {
  waiting.set(++number, m => m.error ? failed(new Error(method + ': ' + m.error.message)) : done(m.result))
  browser.stdio[3].write(JSON.stringify({ id: number, sessionId: session, method, params }) + '\0')
})
const { targetId } = await call('Target.createTarget', { url: 'about:blank' })
session = (await call('Target.attachToTarget', { targetId, flatten: true })).sessionId
for (const domain of ['Page', 'Network', 'Runtime', 'Log']) await call(domain + '.enable')

const evaluate = async expression => (await call('Runtime.evaluate', { expression, returnByValue: true })).result.value
const until = async (what, expression) => {
  const began = Date.now()
  for (;;) {
    const value = await evaluate(expression)
    if (value) {
      console.log(what + ': ' + JSON.stringify(value).slice(0, 200))
      return value
    }
    if (Date.now() - began > 60000) throw new Error('not seen in a minute: ' + what + ': ' + await evaluate('document.body.innerText.slice(0, 3000)'))
    await new Promise(done => setTimeout(done, 100))
  }
}
const codes = { Enter: 13, Escape: 27, Tab: 9 }
const press = async key => {
  const code = { key, windowsVirtualKeyCode: codes[key] || key.toUpperCase().charCodeAt(0), text: key.length === 1 ? key : key === 'Enter' ? '\r' : undefined }
  await call('Input.dispatchKeyEvent', { type: 'keyDown', ...code })
  await call('Input.dispatchKeyEvent', { type: 'keyUp', ...code, text: undefined })
}
const shot = async name => {
  if (shots) writeFileSync(join(shots, name + '.png'), Buffer.from((await call('Page.captureScreenshot')).data, 'base64'))
}
const row = name => `[...document.querySelectorAll('#processes tbody tr')].find(r => r.innerText.includes('${name}'))?.innerText.replace(/\\s+/g, ' ')`

const began = Date.now()
await call('Page.navigate', { url })
await until('what is slow', `(t => /grinder/.test(t) && t)(document.querySelector('#processes tbody tr')?.innerText.replace(/\\s+/g, ' '))`)
await press('b')
await until('who floods whom', `(t => /sink.*\\d%/.test(t) && t)(document.querySelector('#processes tbody tr').innerText.replace(/\\s+/g, ' '))`)
await shot('processes')
await press('j')
await press('Enter')
await until('a process', `/Oldest|oldest messages/i.test(document.querySelector('#detail').innerText) && document.querySelector('#process-title').innerText`)
assert.equal(await evaluate('document.activeElement.id'), 'process-title')
await shot('process')
await press('w')
await until('what hangs', `document.querySelector('#waits .wrong')?.parentElement.innerText`)
await shot('waits')
console.log('found in ' + ((Date.now() - began) / 1000).toFixed(1) + ' s')
await press('e')
await until('a move', `[...document.querySelectorAll('#events li')].map(l => l.innerText).find(t => /has come to/.test(t))`)
await shot('events')
await press('g')
await until('the tree', `document.querySelectorAll('#tree details').length > 2 && document.querySelector('#tree summary').innerText`)
assert.ok(await evaluate(`document.querySelector('#tree').textContent.includes('<img src=x onerror=alert(1)>')`), 'a hostile name is text')
await shot('tree')
await press('t')
await until('traffic', `document.querySelector('#traffic tbody tr')?.innerText.replace(/\\s+/g, ' ')`)
await shot('nodes')
// Dark: the page's background is, and its text is not.
await call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: 'dark' }] })
const [back, front] = await evaluate(`['backgroundColor', 'color'].map(c => getComputedStyle(document.body)[c].match(/\\d+/g).reduce((a, b) => a + Number(b), 0))`)
assert.ok(back < 150 && front > 600, 'dark: ' + back + ' ' + front)
await press('Escape')
await until('the processes again', row('grinder'))
await shot('dark')
// What a screen reader is told.
const { nodes } = await call('Accessibility.getFullAXTree')
const roles = new Set(nodes.map(n => n.role?.value))
for (const role of ['table', 'columnheader', 'rowheader', 'navigation', 'main', 'heading', 'image', 'status']) assert.ok(roles.has(role), 'there is a ' + role)
assert.deepEqual(seen, { outside: [], errors: [] })
console.log('ok')
end(0)
