// The workload of Workload.cs as a DBOS program, written as the programming guide of DBOS recommends. Contender.cs starts it.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [folder, ...numbers] = process.argv.slice(2);
const [warmUp, workflows, atOnce, steps, timerBefore, timer] = numbers.map(Number);
const { DBOS } = createRequire(`${folder}/`)('@dbos-inc/dbos-sdk');

async function output(step, number) {
  return `{"step":${step},"number":${number}}`;
}

const sixSteps = DBOS.registerWorkflow(async number => {
  let last;
  for (let step = 1; step <= steps; step++) {
    if (step === timerBefore) await DBOS.sleep(timer);
    last = await DBOS.runStep(() => output(step, number), { name: `Step${step}` });
  }
  return last;
}, { name: 'SixSteps' });

async function run(count) {
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < count) {
      const handle = await DBOS.startWorkflow(sixSteps)(next++);
      await handle.getResult();
    }
  }));
}

// The process ends with its input, and so together with the benchmark, however that ends.
const input = createInterface({ input: process.stdin }).on('close', () => process.exit());
DBOS.setConfig({ name: 'engine-benchmark', systemDatabaseUrl: process.env.DBOS_SYSTEM_DATABASE_URL, logLevel: 'error' });
await DBOS.launch();
await run(warmUp);
input.once('line', async () => {
  const start = performance.now();
  await run(workflows);
  console.log((performance.now() - start) / 1000);
});
console.log('ready');
