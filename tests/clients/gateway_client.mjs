// A card system's side of PPIMS, as docs/api.md tells how to write it. It goes through the checklist
// for going live against a demo, and ends with 1 at the first line that does not hold:
//     node tests/clients/gateway_client.mjs http://127.0.0.1:8000
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const SERVER = process.argv[2] ?? 'http://127.0.0.1:8000';
const CREDENTIALS = { Username: 'PPIM_ENT', Password: 'ENT123' };
const WORDS = {
  'add-customer': 'Add_Customer', 'customer-registration-status': 'Check_Reg_Status',
  'check-customer-limit': 'Check_Limit', 'update-customer-limit': 'Update_Limit',
};
const [CHECK, UPDATE] = ['check-customer-limit', 'update-customer-limit'];
const PATIENCE_MS = 2_000; // against a real gateway: 10 seconds
const MOST_TRIES = 8;

let tries; // of the last call
const newId = () => randomUUID().replaceAll('-', '');

function post(path, message) {
  const signal = AbortSignal.timeout(PATIENCE_MS * 4);
  return fetch(SERVER + path, { method: 'POST', body: JSON.stringify(message), signal });
}

// Send the very same bytes until there is an answer that says what became of them.
async function call(operation, fields) {
  const said = { System_Id: 'ENT', Ref_Id: newId(), ...fields };
  const body = JSON.stringify({ Data: { [WORDS[operation]]: said, ...CREDENTIALS }, Risk: {} });
  for (tries = 1; tries <= MOST_TRIES; tries += 1) {
    let pauseMs = 100 * 2 ** tries * (1 + Math.random());
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const reply = await fetch(`${SERVER}/api/PPIM/v1/${operation}`, { method: 'POST', body, signal });
      const { Data, Meta } = await reply.json();
      if (!['429', '503', '999'].includes(Data.Resp_Code)) return { ...Data, Meta, sent: said };
      pauseMs = 1000 * Number(reply.headers.get('Retry-After') ?? pauseMs / 1000);
    } catch { /* no answer: nobody knows whether it was done */ }
    await sleep(pauseMs);
  }
  throw new Error(`${operation} was not answered`);
}

const check = (Unique_Id, Amount, more) =>
  call(CHECK, { Unique_Id, Amount, Tran_Type: 'D', ...more });
const report = (Unique_Id, Amount, more) =>
  call(UPDATE, { Unique_Id, Amount, Tran_Type: 'D', Tran_Status: 'S', Tran_Id: newId(), ...more });
const listWrong = ({ Meta }) => Meta.Errors.map(({ Field }) => Field.split('.').pop());

async function control(name, said = {}) {
  const reply = await post(`/demo/${name}`, { ...CREDENTIALS, ...said });
  assert.equal(reply.status, 200, `${name}: ${await reply.clone().text()}`);
  return reply.json();
}

const CHECKLIST = {
  'A payment: asked, made, reported': async ({ fresh }) => {
    const asked = await check(fresh.Unique_Id, '100.00');
    assert.deepEqual([asked.Resp_Code, asked.Allow_Customer], ['000', 'T']);
    const told = await report(fresh.Unique_Id, '100.00', { Enquiry_Ref_Id: asked.sent.Ref_Id });
    assert.deepEqual([told.Cumulative_Bal, told.Meta.Flags], ['100.00', []]);
  },
  'No answer, 503, 999, a late one: sent again as it was, booked once': async ({ fresh }) => {
    const trySpoiltAnswer = async (Operation, Answer, Effect) => {
      await control('faults', { Operation, Answer, Effect, Seconds: Answer === 'slow' ? 3 : 0 });
      const told = await (Operation === CHECK ? check : report)(fresh.Unique_Id, '1.00');
      assert.ok(told.Resp_Code === '000' && tries > 1, `${Operation} ${Answer} ${Effect}`);
      assert.equal(told.Meta.Replayed ?? false, Effect === 'done');
    };
    for (const Answer of ['503', '999', 'lost']) {
      for (const Effect of ['done', 'not-done']) await trySpoiltAnswer(UPDATE, Answer, Effect);
    }
    await trySpoiltAnswer(UPDATE, 'slow', 'done');
    for (const Effect of ['done', 'not-done']) await trySpoiltAnswer(CHECK, 'lost', Effect);
    const { Mobile_Number } = fresh;
    const known = await call('customer-registration-status', { Mobile_Number });
    assert.equal(known.Utilized_Bal, '9.00'); // seven reports, and two checks on hold
  },
  'The same again is the first answer; another content is a 409 that names the field': async ({ fresh }) => {
    const { sent } = await report(fresh.Unique_Id, '5.00');
    assert.ok((await call(UPDATE, sent)).Meta.Replayed);
    assert.deepEqual(listWrong(await call(UPDATE, { ...sent, Amount: '6.00' })), ['Amount']);
    assert.deepEqual(listWrong(await call(UPDATE, { ...sent, Ref_Id: newId() })), ['Tran_Id']);
  },
  'Declined: each reason is an answer, not an error': async (people) => {
    const why = async (asked) => (await asked).Meta.Decision.Reason;
    assert.equal(await why(check(people['at-the-limit'].Unique_Id, '0.01')), 'MONTH_LIMIT');
    assert.equal(await why(check(people.blocked.Unique_Id, '1.00')), 'CUSTOMER_BLOCKED');
    const { Unique_Id, Account_Number } = people['account-frozen'];
    assert.equal(await why(check(Unique_Id, '1.00', { Account_Number })), 'ACCOUNT_NOT_ACTIVE');
    const stopped = people['loading-stopped'].Unique_Id;
    assert.equal(await why(check(stopped, '1.00', { Tran_Type: 'C' })), 'KYC_EXPIRED');
  },
  'A hold ends: its check is not allowed again, its report is booked as late': async ({ fresh }) => {
    const { sent } = await check(fresh.Unique_Id, '20.00');
    await control('clock', { To: 'hold-end', Ref_Id: sent.Ref_Id, Seconds_Before: 0 });
    const again = await call(CHECK, sent);
    assert.deepEqual([again.Allow_Customer, again.Meta.Decision.Reason], ['F', 'HOLD_EXPIRED']);
    const told = await report(fresh.Unique_Id, '20.00', { Enquiry_Ref_Id: sent.Ref_Id });
    assert.deepEqual([told.Resp_Code, told.Meta.Flags], ['000', ['LATE']]);
  },
  'A refund in parts, and never more than was paid': async ({ fresh }) => {
    const { sent, Cumulative_Bal } = await report(fresh.Unique_Id, '30.00');
    const refund = (Amount) =>
      report(fresh.Unique_Id, Amount, { Tran_Status: 'R', Tran_Id: sent.Tran_Id });
    assert.equal((await refund('10.00')).Resp_Code, '000');
    assert.deepEqual(listWrong(await refund('20.01')), ['Amount']);
    assert.equal((await refund('20.00')).Cumulative_Bal, (Cumulative_Bal - 30).toFixed(2));
  },
  'Two legs of one transfer share a Tran_Id': async ({ fresh }) => {
    const Tran_Id = newId();
    for (const Tran_Type of ['D', 'C']) {
      assert.equal((await report(fresh.Unique_Id, '2.00', { Tran_Id, Tran_Type })).Resp_Code, '000');
    }
  },
  'A reissued mobile number is a 409, and staff decide': async (people) => {
    const { Kind, About, Unique_Id, ...claim } = people['reissued-mobile'];
    const codes = { Account_Status: 'A', KYC_Flag: 'N', KYC_Updated_Channel: 'MOB', Customer_Type: 'N' };
    const added = await call('add-customer', { ...claim, ...codes });
    assert.deepEqual([added.Resp_Code, listWrong(added)], ['409', ['Mobile_Number']]);
  },
  'A month ends: what was checked before counts before, and all begin from zero': async (people) => {
    const { Unique_Id } = people['known-to-both'];
    const { Now } = await control('clock', { To: 'month-end', Seconds_Before: 300 });
    const { sent } = await check(Unique_Id, '6000.00');
    await control('clock', { To: 'month-end', Seconds_Before: 0 });
    const told = await report(Unique_Id, '6000.00', { Enquiry_Ref_Id: sent.Ref_Id });
    assert.equal(told.Meta.Month, Now.slice(3, 10));
    assert.equal((await check(Unique_Id, '10000.00')).Allow_Customer, 'T');
  },
};

await control('reset');
for (const [line, holds] of Object.entries(CHECKLIST)) {
  const people = Object.fromEntries((await control('people')).People.map((each) => [each.Kind, each]));
  await holds({ ...people, fresh: people.new });
  console.log(`done: ${line}`);
}
await control('reset');
