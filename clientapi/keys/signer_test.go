package keys_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/chappe-im/chappe/internal/signedjson"
)

// A signer is a key that signs. Its ID goes by its public key, or by its device's
// name.
type signer struct {
	user, name string
	private    ed25519.PrivateKey
}

// newSigner makes a cross-signing key; another word makes another one.
func newSigner(user, word string) signer {
	seed := sha256.Sum256([]byte(user + word))
	k := signer{user: user, private: ed25519.NewKeyFromSeed(seed[:])}
	k.name = k.public()
	return k
}

// deviceSigner makes the key of a device.
func deviceSigner(c client) signer {
	k := newSigner(c.user, "the device "+c.device)
	k.name = c.device
	return k
}

func (k signer) public() string {
	return base64.RawStdEncoding.EncodeToString(k.private.Public().(ed25519.PublicKey))
}

// key writes the public key for a usage, signed by others.
func (k signer) key(usage string, by ...signer) string {
	return signed(object(map[string]any{
		"user_id": k.user, "usage": []string{usage}, "keys": map[string]string{"ed25519:" + k.name: k.public()},
	}), by...)
}

// device writes a device's keys, signed by itself and by others.
func (k signer) device(by ...signer) string {
	return signed(object(map[string]any{
		"user_id": k.user, "device_id": k.name, "algorithms": []string{"m.olm"}, "keys": map[string]string{"ed25519:" + k.name: k.public()},
	}), append(by, k)...)
}

// signed adds signatures to an object.
func signed(text string, by ...signer) string {
	members, message, err := signedjson.Covered(json.RawMessage(text))
	if err != nil {
		panic(err)
	}
	signatures := make(map[string]map[string]string)
	if members["signatures"] != nil {
		_ = json.Unmarshal(members["signatures"], &signatures)
	}
	for _, k := range by {
		if signatures[k.user] == nil {
			signatures[k.user] = make(map[string]string)
		}
		signatures[k.user]["ed25519:"+k.name] = base64.RawStdEncoding.EncodeToString(ed25519.Sign(k.private, message))
	}
	if members["signatures"], err = json.Marshal(signatures); err != nil {
		panic(err)
	}
	out, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// An identity is the three keys of a user.
type identity struct{ master, selfSigning, userSigning signer }

// newIdentity makes the keys of a user; another word makes others.
func newIdentity(user, word string) identity {
	return identity{newSigner(user, word+" master"), newSigner(user, word+" self"), newSigner(user, word+" user")}
}

// members writes the keys as they are uploaded, without the braces.
func (i identity) members() string {
	return `"master_key":` + i.master.key("master") + `,"self_signing_key":` + i.selfSigning.key("self_signing", i.master) +
		`,"user_signing_key":` + i.userSigning.key("user_signing", i.master)
}

// uploadSigning uploads cross-signing keys, with auth unless that is "".
func (d *door) uploadSigning(c client, members, auth string) answer {
	d.t.Helper()
	if auth != "" {
		members += `,"auth":` + auth
	}
	return d.post(c, "device_signing/upload", `{`+members+`}`)
}

// knows gives the user's password, in a session unless that is "".
func knows(localpart, session string) string {
	fields := map[string]any{"type": "m.login.password", "password": "the secret of " + localpart}
	if session != "" {
		fields["session"] = session
	}
	return object(fields)
}

// challenge checks that an answer asks for the password, and gives the session.
func (d *door) challenge(got answer, errcode string) string {
	d.t.Helper()
	d.want(got, 401, errcode)
	if got.text("session") == "" || object(map[string]any{"": got.body["flows"]}) != `{"":[{"stages":["m.login.password"]}]}` {
		d.t.Errorf("got %s", got.raw)
	}
	return got.text("session")
}

// wantKeys fails the test unless the user has these cross-signing keys, "" for none.
func (d *door) wantKeys(c client, master, selfSigning, userSigning string) {
	d.t.Helper()
	got := d.query(c, `{"`+c.user+`":[]}`)
	for member, want := range map[string]string{"master_keys": master, "self_signing_keys": selfSigning, "user_signing_keys": userSigning} {
		if want != "" {
			want = `"` + c.user + `":` + signed(want) // with signatures, be there none
		}
		wantJSON(d.t, got, member, `{`+want+`}`)
	}
}

// wantIdentity fails the test unless the user has these cross-signing keys.
func (d *door) wantIdentity(c client, i identity) {
	d.t.Helper()
	d.wantKeys(c, i.master.key("master"), i.selfSigning.key("self_signing", i.master), i.userSigning.key("user_signing", i.master))
}
