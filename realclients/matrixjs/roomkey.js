// A key as rooms have it, though there are no rooms here: to have something to back up.

const base64 = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("=", "");

// roomKey gives a Megolm session in the format of key exports.
//
// https://spec.matrix.org/v1.15/client-server-api/#key-export-format
export async function roomKey() {
    const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
    const signing = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
    const ratchet = crypto.getRandomValues(new Uint8Array(128));
    const session = new Uint8Array([1, 0, 0, 0, 0, ...ratchet, ...signing]); // version, index
    return {
        algorithm: "m.megolm.v1.aes-sha2",
        forwarding_curve25519_key_chain: [],
        room_id: "!none:alpha.test",
        sender_claimed_keys: { ed25519: base64(signing) },
        sender_key: base64(crypto.getRandomValues(new Uint8Array(32))),
        session_id: base64(signing),
        session_key: base64(session),
    };
}
