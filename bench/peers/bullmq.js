// BullMQ: bullmq.js work, and the producer.
'use strict';
const fs = require('fs');
const { Queue, Worker } = require('bullmq');
const IORedis = require('ioredis');
const Redis = IORedis.Redis || IORedis.default || IORedis;
const env = process.env;
const connection = new Redis({ path: env.BENCH_SOCKET, maxRetriesPerRequest: null });
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// With BENCH_PRIORITY what is paced goes before what was filled in.
const filled = env.BENCH_PRIORITY ? { priority: 10 } : {};
const paced = env.BENCH_PRIORITY ? { priority: 1 } : {};
const ms = +(env.BENCH_MS || 0);

const work = (number) => ({
  id: 'job-' + String(number).padStart(8, '0'), type: 'inference', kind: 'echo',
  input: Array.from({ length: 8 }, (_, k) => +(0.123456789 * (k + 1) + number * 1e-6).toFixed(9)),
});

async function fill(queue, count) {
  for (let i = 0; i < count; i += 500) {
    const part = Array.from({ length: Math.min(500, count - i) }, (_, k) => work(i + k));
    await queue.addBulk(part.map((data) => ({ name: 'job', data, opts: filled })));
  }
}

async function pace(queue, count, rate) {
  await sleep(500);
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i++) {
    const due = start + BigInt(Math.round((i * 1e9) / rate));
    const left = Number(due - process.hrtime.bigint()) / 1e6;
    if (left > 0) await sleep(left);
    // below 2^53 ns of uptime, so exact as a number
    await queue.add('job', { ...work(1e7 + i), t: Number(process.hrtime.bigint()) }, paced);
  }
}

function serve() {
  const worker = new Worker('bench', async (job) => {
    const began = process.hrtime.bigint();
    if (job.data.t !== undefined)
      fs.appendFileSync(env.BENCH_STARTS, `${began - BigInt(job.data.t)}\n`);
    if (ms) await sleep(ms);
    return { id: job.data.id };
  }, { connection, concurrency: +env.BENCH_CONCURRENCY });
  worker.on('error', (e) => console.error(e.message));
}

async function main() {
  const [mode, count, rate] = process.argv.slice(2);
  if (mode === 'work') { serve(); return; }
  const queue = new Queue('bench', { connection });
  if (mode === 'fill') await fill(queue, +count);
  else await pace(queue, +count, +rate);
  await queue.close();
  connection.disconnect();
}

main().catch((e) => { console.error(e); process.exit(1); });
