package keys_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func TestFirstKeysNeedNoAuthenticationAndOthersDo(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	first, second := newIdentity(alice.user, "first"), newIdentity(alice.user, "second")
	d.challengeNever(alice, first.members())
	d.wantIdentity(alice, first)

	// A repetition, as after an answer that was lost, is no change.
	d.challengeNever(alice, first.members())
	d.challengeNever(alice, `"self_signing_key": `+first.selfSigning.key("self_signing", first.master))
	d.challengeNever(alice, ``)
	d.challengeNever(alice, `"master_key":null,"user_signing_key":null`)

	for _, members := range []string{
		second.members(),
		`"master_key":` + second.master.key("master"),
		`"self_signing_key":` + second.selfSigning.key("self_signing", first.master),
		`"user_signing_key":` + second.userSigning.key("user_signing", first.master),
	} {
		session := d.challenge(d.uploadSigning(alice, members, ""), "")
		d.challenge(d.uploadSigning(alice, members, knows("bob", session)), "M_FORBIDDEN")
		d.wantIdentity(alice, first)
	}
	session := d.challenge(d.uploadSigning(alice, second.members(), ""), "")
	for range 2 { // the repetition has the auth in it, too
		if got := d.want(d.uploadSigning(alice, second.members(), knows("alice", session)), http.StatusOK, ""); got.raw != `{}` {
			t.Errorf("got %s", got.raw)
		}
		d.wantIdentity(alice, second)
	}
}

// challengeNever uploads keys that need no authentication.
func (d *door) challengeNever(c client, members string) {
	d.t.Helper()
	if got := d.want(d.uploadSigning(c, members, ""), http.StatusOK, ""); got.raw != `{}` {
		d.t.Errorf("got %s", got.raw)
	}
}

// Who has a master key must authenticate also for a key they do not have yet.
func TestKeyIsAddedByWhoKnowsThePassword(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	keys := newIdentity(alice.user, "")
	master := keys.master.key("master")
	d.challengeNever(alice, `"master_key":`+master)
	selfSigning := keys.selfSigning.key("self_signing", keys.master)
	d.challenge(d.uploadSigning(alice, `"self_signing_key":`+selfSigning, ""), "")
	d.wantKeys(alice, master, "", "")
	// In one request, too.
	d.want(d.uploadSigning(alice, `"self_signing_key":`+selfSigning, knows("alice", "")), http.StatusOK, "")
	d.wantKeys(alice, master, selfSigning, "")
}

func TestNewMasterKeyTakesTheKeysAwayThatAreNotGivenWithIt(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	first, second := newIdentity(alice.user, "first"), newIdentity(alice.user, "second")
	d.challengeNever(alice, first.members())
	selfSigning := first.selfSigning.key("self_signing", second.master) // the same key
	d.want(d.uploadSigning(alice, `"master_key":`+second.master.key("master")+`,"self_signing_key":`+selfSigning, knows("alice", "")),
		http.StatusOK, "")
	d.wantKeys(alice, second.master.key("master"), selfSigning, "")
}

// A session is good for one change: a request that the network brings once more, late,
// must not undo what the user has done since.
func TestSessionReplacesKeysOnce(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	first, second, third := newIdentity(alice.user, "1"), newIdentity(alice.user, "2"), newIdentity(alice.user, "3")
	d.challengeNever(alice, first.members())
	session := d.challenge(d.uploadSigning(alice, second.members(), ""), "")
	d.want(d.uploadSigning(alice, second.members(), knows("alice", session)), http.StatusOK, "")
	d.want(d.uploadSigning(alice, third.members(), knows("alice", "")), http.StatusOK, "")
	again := d.challenge(d.uploadSigning(alice, second.members(), knows("alice", session)), "")
	d.wantIdentity(alice, third)
	d.want(d.uploadSigning(alice, first.members(), knows("alice", again)), http.StatusForbidden, "M_FORBIDDEN") // begun for others
	d.want(d.uploadSigning(alice, second.members(), knows("alice", again)), http.StatusOK, "")
	d.wantIdentity(alice, second)
}

func TestSigningKeyThatIsNotRightIsRefused(t *testing.T) {
	d := newDoor(t)
	alice, bob := d.register("alice", "A"), d.register("bob", "B")
	good, other := newIdentity(alice.user, "good"), newIdentity(alice.user, "other")
	master := `"master_key":` + good.master.key("master")
	d.login("alice", good.userSigning.name)
	for _, c := range []struct {
		name, members string
		status        int
		errcode       string
	}{
		{"nothing", ``, 400, "M_MISSING_PARAM"},
		{"no master key", `"self_signing_key":` + good.selfSigning.key("self_signing", good.master), 400, "M_MISSING_PARAM"},
		{"of another user", `"master_key":` + newSigner(bob.user, "").key("master"), 400, "M_INVALID_PARAM"},
		{"of another usage", `"master_key":` + good.master.key("self_signing"), 400, "M_INVALID_PARAM"},
		{"under another name", strings.Replace(master, good.master.name, other.master.name, 1), 400, "M_INVALID_PARAM"},
		{"two keys", strings.Replace(master, `"keys":{`, `"keys":{"ed25519:A":"A",`, 1), 400, "M_INVALID_PARAM"},
		{"no key", `"master_key":{"user_id":"` + alice.user + `","usage":["master"],"keys":{}}`, 400, "M_INVALID_PARAM"},
		{"a short key", strings.ReplaceAll(master, good.master.name, "AAAA"), 400, "M_INVALID_PARAM"},
		{"a key with padding", strings.ReplaceAll(master, good.master.name, good.master.name+"="), 400, "M_INVALID_PARAM"},
		{"a key in another alphabet", strings.ReplaceAll(master, good.master.name, strings.Repeat("-", 43)), 400, "M_INVALID_PARAM"},
		{"no user", strings.Replace(master, "user_id", "x", 1), 400, "M_BAD_JSON"},
		{"no usage", strings.Replace(master, "usage", "x", 1), 400, "M_BAD_JSON"},
		{"signatures of another shape", strings.Replace(master, `"signatures":{}`, `"signatures":[]`, 1), 400, "M_BAD_JSON"},
		{"half a character", strings.Replace(master, `{`, `{"x":"\udfff",`, 1), 400, "M_BAD_JSON"},
		{"a large key", strings.Replace(master, `{`, `{"x":"`+strings.Repeat("x", 64<<10)+`",`, 1), 413, "M_TOO_LARGE"},
		{"not signed", master + `,"self_signing_key":` + good.selfSigning.key("self_signing"), 400, "M_INVALID_SIGNATURE"},
		{"signed by itself", master + `,"self_signing_key":` + good.selfSigning.key("self_signing", good.selfSigning), 400, "M_INVALID_SIGNATURE"},
		{"signed by another master key", master + `,"self_signing_key":` + good.selfSigning.key("self_signing", other.master), 400, "M_INVALID_SIGNATURE"},
		{"changed after signing", master + `,"self_signing_key":` +
			strings.Replace(good.selfSigning.key("self_signing", good.master), `{`, `{"x":1,`, 1), 400, "M_INVALID_SIGNATURE"},
		{"named as a device", good.members(), 403, "M_FORBIDDEN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.want(d.uploadSigning(alice, c.members, ""), c.status, c.errcode)
			d.wantKeys(alice, "", "", "")
		})
	}
	d.challengeNever(alice, master)
	d.want(d.uploadSigning(alice, `"self_signing_key":`+good.selfSigning.key("self_signing", other.master), knows("alice", "")),
		http.StatusBadRequest, "M_INVALID_SIGNATURE")
	// By the master key that is to go.
	d.want(d.uploadSigning(alice, `"master_key":`+other.master.key("master")+`,"self_signing_key":`+good.selfSigning.key("self_signing", good.master),
		knows("alice", "")), http.StatusBadRequest, "M_INVALID_SIGNATURE")
	d.wantKeys(alice, good.master.key("master"), "", "")
}

func TestOfFirstKeysAtOnceOneTakesThePlace(t *testing.T) {
	const uploads = 8
	d := newDoor(t)
	for round := range 5 {
		alice := d.register("alice"+strconv.Itoa(round), "A")
		answers := make([]answer, uploads)
		var group sync.WaitGroup
		for i := range uploads {
			group.Go(func() { answers[i] = d.uploadSigning(alice, newIdentity(alice.user, strconv.Itoa(i)).members(), "") })
		}
		group.Wait()
		winner := -1
		for i, got := range answers {
			if got.status == http.StatusOK && winner < 0 {
				winner = i
				continue
			}
			d.challenge(got, "") // had they come one by one, it would be asked for
		}
		if winner < 0 {
			t.Fatal("none was taken")
		}
		d.wantIdentity(alice, newIdentity(alice.user, strconv.Itoa(winner)))
	}
}

func TestKeysReplacedAtOnceAreWholeAfterwards(t *testing.T) {
	const uploads = 8
	d := newDoor(t)
	alice := d.register("alice", "A")
	d.challengeNever(alice, newIdentity(alice.user, "first").members())
	var group sync.WaitGroup
	for i := range uploads {
		group.Go(func() {
			got := d.uploadSigning(alice, newIdentity(alice.user, strconv.Itoa(i)).members(), knows("alice", ""))
			if got.status != http.StatusOK {
				t.Errorf("got %d %s", got.status, got.raw)
			}
		})
	}
	group.Wait()
	raw := d.query(alice, `{"`+alice.user+`":[]}`).raw
	for i := range uploads {
		if keys := newIdentity(alice.user, strconv.Itoa(i)); strings.Contains(raw, keys.master.name) {
			d.wantIdentity(alice, keys)
			return
		}
	}
	t.Errorf("none of the keys is there: %s", raw)
}
