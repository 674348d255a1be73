// One device of one user, with matrix-js-sdk and its Rust crypto.
import { UserId } from "@matrix-org/matrix-sdk-crypto-wasm";
import { ClientEvent, SyncState, createClient } from "matrix-js-sdk";
import { decodeRecoveryKey } from "matrix-js-sdk/lib/crypto-api/index.js";

const PASSWORD = "a long password";
const PATIENCE = 60_000; // milliseconds, for what takes far less
const TYPE = "im.chappe.test"; // of the messages; not one of Matrix

// The SDK says much, and warns of every message whose type is not Matrix's. What may
// be wrong goes to the error output.
const logger = {
    trace() {},
    debug() {},
    info() {},
    warn: (...words) => String(words[0]).includes("unexpected encrypted to-device event") || console.error(...words),
    error: (...words) => console.error(...words),
    getChild: () => logger,
};

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// until waits for a condition that no event tells of.
export async function until(what, condition, pause = 10) {
    for (const end = Date.now() + PATIENCE; !(await condition()); await sleep(pause)) {
        if (Date.now() > end) throw new Error(`in vain was waited until ${what}`);
    }
}

export async function register(url, username) {
    await createClient({ baseUrl: url, logger }).registerRequest({
        username,
        password: PASSWORD,
        inhibit_login: true,
        auth: { type: "m.login.dummy" },
    });
}

export class Device {
    states = []; // of its syncing, each once it changes
    sent = []; // { stamp, user, device }
    received = []; // events as they were sent: { sender, type, content }
    requests = 0; // so far
    unverified = 0; // messages of devices that are not verified
    secretStorageKey = null; // of the user; what a recovery key stands for

    static async login(url, user, deviceId, { indexedDB, recoveryKey }) {
        const answer = await createClient({ baseUrl: url, logger }).loginRequest({
            type: "m.login.password",
            identifier: { type: "m.id.user", user },
            password: PASSWORD,
            device_id: deviceId,
        });
        const device = new Device();
        if (recoveryKey) device.secretStorageKey = decodeRecoveryKey(recoveryKey);
        await device.start(url, answer, indexedDB);
        return device;
    }

    async start(url, answer, indexedDB) {
        this.client = createClient({
            baseUrl: url,
            logger,
            userId: answer.user_id,
            deviceId: answer.device_id,
            accessToken: answer.access_token,
            fetchFn: (...request) => {
                this.requests++;
                return fetch(...request);
            },
            cryptoCallbacks: {
                getSecretStorageKey: async ({ keys }) => [Object.keys(keys)[0], this.secretStorageKey],
            },
        });
        this.user = answer.user_id;
        this.id = answer.device_id;
        this.client.on(ClientEvent.Sync, (state) => {
            if (state !== this.states.at(-1)) this.states.push(state);
        });
        this.client.on(ClientEvent.ReceivedToDeviceMessage, ({ message, encryptionInfo }) => {
            if (message.type !== TYPE) return;
            this.received.push(message);
            if (!encryptionInfo?.senderVerified) this.unverified++;
        });
        await this.client.initRustCrypto({
            useIndexedDB: indexedDB,
            cryptoDatabasePrefix: `${answer.user_id} ${answer.device_id}`,
        });
        this.crypto = this.client.getCrypto();
        await this.client.startClient();
        await until(`${this.user} is prepared`, () => this.states.includes(SyncState.Prepared));
    }

    // crossSign makes the user's identity, another one where there is one already.
    async crossSign() {
        await this.crypto.bootstrapCrossSigning({
            setupNewCrossSigning: true,
            authUploadDeviceSigningKeys: (upload) => this.withPassword(upload),
        });
        if (!(await this.crypto.isCrossSigningReady())) throw new Error(`cross-signing of ${this.user} is not ready`);
    }

    // keepSecrets makes a backup of the room keys, and puts that key and those of the
    // identity away, encrypted with a recovery key.
    async keepSecrets() {
        await this.crypto.bootstrapSecretStorage({
            createSecretStorageKey: async () => {
                const key = await this.crypto.createRecoveryKeyFromPassphrase();
                this.recoveryKey = key.encodedPrivateKey;
                this.secretStorageKey = key.privateKey;
                return key;
            },
            setupNewKeyBackup: true,
        });
        if (!(await this.crypto.isSecretStorageReady())) throw new Error(`secret storage of ${this.user} is not ready`);
    }

    // join makes a further device one of the user's own, by the recovery key.
    async join() {
        if (!(await this.crypto.userHasCrossSigningKeys())) throw new Error(`${this.user} has no identity`);
        await this.crypto.bootstrapCrossSigning({});
        if (!(await this.crypto.isCrossSigningReady())) throw new Error(`${this.id} is not one of ${this.user}`);
        await this.crypto.loadSessionBackupPrivateKeyFromSecretStorage();
    }

    // know gets a user's devices, and keeps the list up to date from then on. The SDK
    // does so for the members of its rooms, and has no public method for it.
    async know(user) {
        await this.crypto.getOlmMachineOrThrow().updateTrackedUsers([new UserId(user)]);
        await this.crypto.outgoingRequestsManager.doProcessOutgoingRequests();
    }

    // withPassword does what needs the user's password: it tries without, to get a
    // session.
    async withPassword(request) {
        try {
            return await request(null);
        } catch (error) {
            if (error.httpStatus !== 401) throw error;
            return await request({
                type: "m.login.password",
                identifier: { type: "m.id.user", user: this.user },
                password: PASSWORD,
                session: error.data.session,
            });
        }
    }

    // send sends so many messages, one after the other.
    async send(messages, to) {
        for (let i = 0; i < messages; i++) {
            const stamp = `${this.id} ${this.sent.length + 1}`;
            this.sent.push({ stamp, user: to.user, device: to.id });
            await this.client.encryptAndSendToDevice(TYPE, [{ userId: to.user, deviceId: to.id }], { stamp });
        }
    }

    async logout() {
        await this.client.logout(true);
    }

    report() {
        const { user, id, sent, received, unverified } = this;
        return { user, device: id, states: [...this.states], sent, received, unverified };
    }
}
