// What the clients do, in Node and in a browser alike.
import { CryptoEvent, VerificationPhase, VerifierEvent } from "matrix-js-sdk/lib/crypto-api/index.js";
import { Device, register, sleep, until } from "./device.js";
import { roomKey } from "./roomkey.js";

// run lets alice and bob live a short life on their servers, and gives what their
// devices have sent and received. Where something is not as it must be, it throws.
export async function run({ alice: aliceURL, bob: bobURL, rounds, messages, indexedDB }) {
    await register(aliceURL, "alice");
    await register(bobURL, "bob");
    const alice = await Device.login(aliceURL, "alice", "PHONE", { indexedDB });
    const bob = await Device.login(bobURL, "bob", "TABLET", { indexedDB });
    for (const device of [alice, bob]) {
        await device.crossSign();
        await device.keepSecrets();
        if (await device.crypto.isDehydrationSupported()) throw new Error("there are no dehydrated devices here");
    }
    await verify(alice, bob);
    await talk(alice, bob, rounds, messages);

    await backUp(alice);
    const { recoveryKey } = alice;
    const laptop = await Device.login(aliceURL, "alice", "LAPTOP", { indexedDB, recoveryKey });
    await laptop.join();
    await restore(laptop);
    await laptop.know(bob.user);
    await until("bob trusts alice's new device", async () =>
        (await bob.crypto.getDeviceVerificationStatus(laptop.user, laptop.id))?.isVerified());
    await talk(laptop, bob, 1, messages);
    await rename(laptop, alice);
    await bob.crossSign();
    await until("alice knows that bob is another", async () =>
        (await alice.crypto.getUserVerificationStatus(bob.user)).needsUserApproval);

    const devices = [alice, laptop, bob];
    await comeToRest(devices);
    const reports = devices.map((device) => device.report());
    for (const device of devices) await device.logout();
    return reports;
}

// talk sends messages both ways, and waits in between, so that a message that came
// again would be seen.
async function talk(one, other, rounds, messages) {
    for (let round = 0; round < rounds; round++) {
        const [first, second] = [one.received.length, other.received.length];
        await Promise.all([one.send(messages, other), other.send(messages, one)]);
        await until(`${one.user} and ${other.user} have everything`, () =>
            one.received.length >= first + messages && other.received.length >= second + messages);
    }
}

// verify lets two users compare emojis, by to-device messages alone.
async function verify(one, other) {
    await one.know(other.user);
    await other.know(one.user);
    const asked = new Promise((resolve) => other.client.once(CryptoEvent.VerificationRequestReceived, resolve));
    const request = await one.crypto.requestDeviceVerification(other.user, other.id);
    const answer = await asked;
    await answer.accept();
    await until("the request is answered", () => request.phase === VerificationPhase.Ready);
    const verifier = await request.startVerification("m.sas.v1");
    await until("the verification begins", () => answer.verifier);
    const emojis = {};
    await Promise.all([compare(verifier, emojis, one), compare(answer.verifier, emojis, other)]);
    for (const [by, of] of [[one, other], [other, one]]) {
        await until(`${by.user} has verified ${of.user}`, async () =>
            (await by.crypto.getUserVerificationStatus(of.user)).isCrossSigningVerified());
    }
}

async function compare(verifier, emojis, device) {
    const show = (sas) => {
        emojis[device.user] = JSON.stringify(sas.sas.emoji);
        const [mine, theirs] = Object.values(emojis);
        if (theirs && mine !== theirs) sas.mismatch();
        else void sas.confirm();
    };
    verifier.on(VerifierEvent.ShowSas, show);
    const shown = verifier.getShowSasCallbacks();
    if (shown) show(shown);
    await verifier.verify();
}

// backUp gives the device a room's key, and waits until that is in the backup. The SDK
// takes up to ten seconds before it begins.
async function backUp(device) {
    await device.crypto.importRoomKeys([await roomKey()]);
    await until("the key is in the backup", async () => {
        const { backupInfo } = await device.crypto.checkKeyBackupAndEnable();
        return backupInfo.count === 1;
    }, 500);
}

async function restore(device) {
    const { imported, total } = await device.crypto.restoreKeyBackup();
    if (imported !== 1 || total !== 1) throw new Error(`${imported} of ${total} keys came out of the backup`);
}

async function rename(device, by) {
    await by.client.setDeviceDetails(device.id, { display_name: "The old laptop" });
    const { devices } = await device.client.getDevices();
    const name = devices.find(({ device_id }) => device_id === device.id)?.display_name;
    if (name !== "The old laptop") throw new Error(`the device is called ${name}`);
}

// comeToRest waits until devices that have nothing to do ask for nothing for a while,
// but for the /sync that is under way. A client that does not find peace with its
// server goes on asking.
async function comeToRest(devices) {
    const requests = () => devices.reduce((sum, device) => sum + device.requests, 0);
    await until("the clients are quiet", async () => {
        const before = requests();
        await sleep(3000);
        return requests() === before;
    });
}
