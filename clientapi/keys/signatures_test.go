package keys_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

// cross makes a user with a device and cross-signing keys.
func (d *door) cross(name, device string) (client, identity) {
	d.t.Helper()
	c := d.register(name, device)
	keys := newIdentity(c.user, "")
	d.want(d.upload(c, `{"device_keys":`+deviceSigner(c).device()+`}`), http.StatusOK, "")
	d.challengeNever(c, keys.members())
	return c, keys
}

// remote lets the store know a user of another server.
func (d *door) crossElsewhere(name string) identity {
	d.t.Helper()
	user := todevice.UserID{Localpart: name, Server: "far.test"}
	keys := newIdentity(user.String(), "")
	d.set(user, todevice.CrossSigningKeys{Master: json.RawMessage(keys.master.key("master"))})
	if err := d.store.NoteInterest(d.t.Context(), "alice", []todevice.UserID{user}); err != nil {
		d.t.Fatal(err)
	}
	asked := map[todevice.UserID]todevice.RemoteDeviceList{user: {Master: json.RawMessage(keys.master.key("master"))}}
	if err := d.store.SawRemoteKeys(d.t.Context(), d.store.Head(), asked); err != nil {
		d.t.Fatal(err)
	}
	return keys
}

func entry(user, name, object string) string {
	return `{"` + user + `":{"` + name + `":` + object + `}}`
}

func TestSignaturesAreSeenByThoseWhoMay(t *testing.T) {
	d := newDoor(t)
	alice, a := d.cross("alice", "A")
	bob, b := d.cross("bob", "B")
	carol := d.register("carol", "C")
	rita := d.crossElsewhere("rita")
	device, phone := deviceSigner(alice), d.login("alice", "PHONE")
	d.want(d.upload(phone, `{"device_keys":`+deviceSigner(phone).device()+`}`), http.StatusOK, "")
	for range 2 { // a repetition is as good
		got := d.want(d.post(alice, "signatures/upload", `{"`+alice.user+`":{"A":`+device.device(a.selfSigning)+`,"`+a.master.name+`":`+
			a.master.key("master", device, deviceSigner(phone))+`},"`+bob.user+`":{"`+b.master.name+`":`+b.master.key("master", a.userSigning)+
			`},"@rita:far.test":{"`+rita.master.name+`":`+rita.master.key("master", a.userSigning)+`}}`), http.StatusOK, "")
		if got.raw != `{"failures":{}}` {
			t.Errorf("got %s", got.raw)
		}
	}
	for _, c := range []struct {
		viewer      client
		bobs, ritas string
	}{
		{alice, b.master.key("master", a.userSigning), rita.master.key("master", a.userSigning)},
		{bob, b.master.key("master", a.userSigning), rita.master.key("master")}, // bob sees who has verified him
		{carol, b.master.key("master"), rita.master.key("master")},
	} {
		got := d.query(c.viewer, `{"`+alice.user+`":["A"],"`+bob.user+`":["B"],"@rita:far.test":[]}`)
		wantJSON(t, got, "device_keys", `{"`+alice.user+`":{"A":`+device.device(a.selfSigning)+`},"`+bob.user+`":{"B":`+deviceSigner(bob).device()+`},"@rita:far.test":{}}`)
		masters, _ := got.body["master_keys"].(map[string]any)
		for user, want := range map[string]string{
			alice.user: a.master.key("master", device, deviceSigner(phone)), bob.user: c.bobs, "@rita:far.test": c.ritas,
		} {
			wantJSON(t, answer{body: masters}, user, want)
		}
	}
}

func TestSignatureThatIsNotRightFailsAlone(t *testing.T) {
	d := newDoor(t)
	alice, a := d.cross("alice", "A")
	bob, b := d.cross("bob", "B")
	rita := d.crossElsewhere("rita")
	device := deviceSigner(alice)
	changed := strings.Replace(device.device(), `m.olm`, `m.other`, 1)
	const invalid, notFound = "M_INVALID_SIGNATURE", "M_NOT_FOUND"
	for _, c := range []struct{ name, user, key, object, errcode string }{
		{"none", alice.user, "A", signed(strings.Replace(device.device(), "signatures", "unsigned", 1)), invalid},
		{"of changed keys", alice.user, "A", signed(changed, a.selfSigning), invalid},
		{"moved to changed keys", alice.user, "A", strings.Replace(device.device(a.selfSigning), `m.olm`, `m.other`, 1), invalid},
		{"wrong", alice.user, "A", withSignature(device.device(), alice.user, a.selfSigning.name, strings.Repeat("A", 86)), invalid},
		{"short", alice.user, "A", withSignature(device.device(), alice.user, a.selfSigning.name, "AAAA"), invalid},
		{"no text", alice.user, "A", strings.Replace(withSignature(device.device(), alice.user, a.selfSigning.name, "x"), `"x"`, `1`, 1), invalid},
		{"another device signature of its own", alice.user, "A", withSignature(device.device(), alice.user, "A", "AAAA"), invalid},
		{"a device by the user-signing key", alice.user, "A", device.device(a.userSigning), invalid},
		{"a device by the master key", alice.user, "A", device.device(a.master), invalid},
		{"a device by nobody's key", alice.user, "A", device.device(newSigner(alice.user, "nobody's")), invalid},
		{"a device by another user", alice.user, "A", signed(strings.Replace(device.device(), "signatures", "unsigned", 1), b.selfSigning), invalid},
		{"the master key by the self-signing key", alice.user, a.master.name, a.master.key("master", a.selfSigning), invalid},
		{"one good, one wrong", alice.user, a.master.name, withSignature(a.master.key("master", device), alice.user, "gone", "AAAA"), invalid},
		{"the self-signing key", alice.user, a.selfSigning.name, a.selfSigning.key("self_signing", a.master), notFound},
		{"a device there is not", alice.user, "B", device.device(a.selfSigning), notFound},
		{"another's device", bob.user, "B", signed(deviceSigner(bob).device(), a.selfSigning), notFound},
		{"another's self-signing key", bob.user, b.selfSigning.name, b.selfSigning.key("self_signing", b.master, a.userSigning), notFound},
		{"another's master key by the self-signing key", bob.user, b.master.name, b.master.key("master", a.selfSigning), invalid},
		{"another's master key by a device", bob.user, b.master.name, b.master.key("master", device), invalid},
		{"another's master key by themselves", bob.user, b.master.name, b.master.key("master", deviceSigner(bob)), invalid},
		{"another master key", bob.user, b.master.name, newIdentity(bob.user, "other").master.key("master", a.userSigning), invalid},
		{"one elsewhere by a device", "@rita:far.test", rita.master.name, rita.master.key("master", device), invalid},
		{"nobody elsewhere", "@sam:far.test", rita.master.name, rita.master.key("master", a.userSigning), notFound},
		{"nobody here", "@nobody:chappe.test", "X", `{}`, notFound},
		{"no user", "nobody", "X", `{}`, notFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := d.want(d.post(alice, "signatures/upload", entry(c.user, c.key, c.object)), http.StatusOK, "")
			failures, _ := got.body["failures"].(map[string]any)
			ofUser, _ := failures[c.user].(map[string]any)
			why, _ := ofUser[c.key].(map[string]any)
			if len(failures) != 1 || len(ofUser) != 1 || why["errcode"] != c.errcode || why["error"] == "" {
				t.Errorf("got %s, want %s", got.raw, c.errcode)
			}
		})
	}
	got := d.query(alice, `{"`+alice.user+`":[],"`+bob.user+`":[],"@rita:far.test":[]}`)
	wantJSON(t, got, "device_keys", `{"`+alice.user+`":{"A":`+device.device()+`},"`+bob.user+`":{"B":`+deviceSigner(bob).device()+`},"@rita:far.test":{}}`)
	wantJSON(t, got, "master_keys", `{"`+alice.user+`":`+a.master.key("master")+`,"`+bob.user+`":`+b.master.key("master")+`,"@rita:far.test":`+rita.master.key("master")+`}`)
}

// withSignature adds a signature of any form to an object.
func withSignature(text, user, name, signature string) string {
	var members map[string]any
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		panic(err)
	}
	signatures, _ := members["signatures"].(map[string]any)
	byUser, _ := signatures[user].(map[string]any)
	if byUser == nil {
		byUser = make(map[string]any)
		signatures[user] = byUser
	}
	byUser["ed25519:"+name] = signature
	return object(members)
}

func TestGoodSignaturesAreTakenBesideOthers(t *testing.T) {
	d := newDoor(t)
	alice, a := d.cross("alice", "A")
	got := d.want(d.post(alice, "signatures/upload", `{"`+alice.user+`":{"A":`+deviceSigner(alice).device(a.selfSigning)+
		`,"gone":{}},"@nobody:chappe.test":{"X":{}}}`), http.StatusOK, "")
	const why = `{"errcode":"M_NOT_FOUND","error":"There is no such key that you may sign"}`
	wantJSON(t, got, "failures", `{"`+alice.user+`":{"gone":`+why+`},"@nobody:chappe.test":{"X":`+why+`}}`)
	wantJSON(t, d.query(alice, `{"`+alice.user+`":[]}`), "device_keys", `{"`+alice.user+`":{"A":`+deviceSigner(alice).device(a.selfSigning)+`}}`)
}

// Some clients send the object as they have seen it, some with nothing but what is new.
func TestSignatureIsTakenWithTheOthersOrWithout(t *testing.T) {
	d := newDoor(t)
	alice, a := d.cross("alice", "A")
	device := deviceSigner(alice)
	alone := signed(strings.Replace(device.device(), `"signatures":`, `"unsigned":`, 1), a.selfSigning)
	for _, object := range []string{alone, device.device(a.selfSigning), strings.Replace(alone, `{`, `{ "unsigned":{"device_display_name":"x"}, `, 1)} {
		if got := d.want(d.post(alice, "signatures/upload", entry(alice.user, "A", object)), http.StatusOK, ""); got.raw != `{"failures":{}}` {
			t.Errorf("%s: got %s", object, got.raw)
		}
		wantJSON(t, d.query(alice, `{"`+alice.user+`":[]}`), "device_keys", `{"`+alice.user+`":{"A":`+device.device(a.selfSigning)+`}}`)
	}
}
