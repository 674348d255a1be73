package userdata_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/chappe-im/chappe/clientapi/pushrules"
	"github.com/chappe-im/chappe/internal/doortest"
	"github.com/chappe-im/chappe/todevice"
)

const rule = "pushrules/global/content/cake"

func TestPushRulesAreTheDefaultOnesUntilChanged(t *testing.T) {
	d := newDoor(t)
	alice, token := d.Login("alice", "A")
	content := string(pushrules.Default(alice.User).Content())
	d.WantBody(content, "GET", "pushrules/", token, "")
	d.WantBody(content, "GET", "pushrules", token, "")
	global := strings.TrimSuffix(strings.TrimPrefix(content, `{"global":`), `}`)
	d.WantBody(global, "GET", "pushrules/global/", token, "")
	d.WantBody(`{"enabled":true}`, "GET", "pushrules/global/underride/.m.rule.message/enabled", token, "")
	d.WantBody(`{"actions":["notify"]}`, "GET", "pushrules/global/underride/.m.rule.message/actions", token, "")
	// What is so already is not stored.
	d.WantBody(`{}`, "PUT", "pushrules/global/underride/.m.rule.message/enabled", token, `{"enabled":true}`)
	if _, err := d.Store.AccountData(t.Context(), "alice", todevice.PushRulesType); err == nil {
		t.Error("the default rules are stored")
	}
}

func TestChangedPushRulesAreAccountData(t *testing.T) {
	d := newDoor(t)
	_, token := d.Login("alice", "A")
	for _, step := range []struct{ method, path, body, show, want string }{ // show "" stands for the list of the kind
		{"PUT", rule, `{"pattern":"cake*lie","actions":["notify"]}`, rule,
			`{"rule_id":"cake","default":false,"enabled":true,"pattern":"cake*lie","actions":["notify"]}`},
		{"PUT", rule + "/enabled", `{"enabled":false}`, rule + "/enabled", `{"enabled":false}`},
		{"PUT", rule + "/actions", `{"actions":["dont_notify"]}`, rule + "/actions", `{"actions":[]}`},
		{"PUT", "pushrules/global/content/tea?before=cake", `{"pattern":"tea","actions":[]}`, "",
			`[{"rule_id":"tea","default":false,"enabled":true,"pattern":"tea","actions":[]},` +
				`{"rule_id":"cake","default":false,"enabled":false,"pattern":"cake*lie","actions":[]}]`},
		{"PUT", "pushrules/global/content/tea?after=cake", `{"pattern":"tea","actions":[]}`, "",
			`[{"rule_id":"cake","default":false,"enabled":false,"pattern":"cake*lie","actions":[]},` +
				`{"rule_id":"tea","default":false,"enabled":true,"pattern":"tea","actions":[]}]`},
		{"DELETE", rule, "", "",
			`[{"rule_id":"tea","default":false,"enabled":true,"pattern":"tea","actions":[]}]`},
		{"PUT", "pushrules/global/override/.m.rule.master/enabled", `{"enabled":true}`, "pushrules/global/override/.m.rule.master",
			`{"rule_id":".m.rule.master","default":true,"enabled":true,"conditions":[],"actions":[]}`},
	} {
		d.WantBody(`{}`, step.method, step.path, token, step.body)
		if step.show == "" {
			if got := rulesOf(t, d, token, pushrules.Content); got != step.want {
				t.Errorf("%s %s: got %s, want %s", step.method, step.path, got, step.want)
			}
		} else {
			d.WantBody(step.want, "GET", step.show, token, "")
		}
		stored, err := d.Store.AccountData(t.Context(), "alice", todevice.PushRulesType)
		if err != nil {
			t.Fatal(err)
		}
		d.WantBody(string(stored), "GET", "pushrules/", token, "")
	}
}

func TestRefusedPushRuleChangesNothing(t *testing.T) {
	d := newDoor(t)
	_, token := d.Login("alice", "A")
	d.Want(200, "", "PUT", rule, token, `{"pattern":"cake","actions":["notify"]}`)
	before := d.Do("GET", "pushrules/", token, "").Body
	for _, c := range []struct {
		method, path, body string
		status             int
		errcode            string
	}{
		{"GET", "pushrules/device/", ``, 404, "M_UNRECOGNIZED"},
		{"GET", "pushrules/global/content/", ``, 404, "M_UNRECOGNIZED"},
		{"GET", "pushrules/global/other/cake", ``, 404, "M_NOT_FOUND"},
		{"GET", rule + "/colour", ``, 404, "M_UNRECOGNIZED"},
		{"GET", "pushrules/global/sender/cake", ``, 404, "M_NOT_FOUND"},
		{"PUT", "pushrules/global/other/x", `{"actions":[]}`, 404, "M_NOT_FOUND"},
		{"PUT", "pushrules/global/room/.m.mine", `{"actions":[]}`, 400, "M_INVALID_PARAM"},
		{"PUT", "pushrules/global/room/a%2Fb", `{"actions":[]}`, 400, "M_INVALID_PARAM"},
		{"PUT", "pushrules/global/room/a", `{"actions":["shout"]}`, 400, "M_BAD_JSON"},
		{"PUT", rule, `{"actions":[]}`, 400, "M_BAD_JSON"},
		{"PUT", rule + "?after=none", `{"actions":[],"pattern":"x"}`, 400, "M_UNKNOWN"},
		{"PUT", "pushrules/global/override/x?before=.m.rule.reaction", `{"actions":[]}`, 400, "M_UNKNOWN"},
		{"PUT", rule + "/enabled", `{"enabled":"no"}`, 400, "M_BAD_JSON"},
		{"PUT", rule + "/enabled", `{}`, 400, "M_MISSING_PARAM"},
		{"PUT", rule + "/actions", `{"actions":{}}`, 400, "M_BAD_JSON"},
		{"PUT", "pushrules/global/override/.m.rule.none/enabled", `{"enabled":true}`, 404, "M_NOT_FOUND"},
		{"PUT", "pushrules/global/override/.m.rule.none/actions", `{"actions":[]}`, 404, "M_NOT_FOUND"},
		{"DELETE", "pushrules/global/override/.m.rule.none", ``, 404, "M_NOT_FOUND"},
		{"DELETE", "pushrules/global/override/.m.rule.master", ``, 400, "M_INVALID_PARAM"},
		{"DELETE", "pushrules/global/content/tea", ``, 404, "M_NOT_FOUND"},
		{"PUT", "pushrules/global/content/x", `{"actions":[],"pattern":"` + strings.Repeat("x", todevice.MaxContent) + `"}`, 413, "M_TOO_LARGE"},
	} {
		d.Want(c.status, c.errcode, c.method, c.path, token, c.body)
	}
	d.WantBody(before, "GET", "pushrules/", token, "")
}

// rulesOf gives the list of the rules of one kind.
func rulesOf(t *testing.T, d *doortest.Door, token string, kind pushrules.Kind) string {
	t.Helper()
	var rules map[pushrules.Kind]json.RawMessage
	if err := json.Unmarshal([]byte(d.Want(200, "", "GET", "pushrules/global/", token, "").Body), &rules); err != nil {
		t.Fatal(err)
	}
	return string(rules[kind])
}

// Each change reads the rules and writes them back; done at once by several devices,
// none may undo another's.
func TestPushRulesOfSeveralDevicesAtOnceAreAllKept(t *testing.T) {
	d := newDoor(t)
	_, token := d.Login("alice", "A")
	const devices, each = 4, 10
	var done sync.WaitGroup
	for device := range devices {
		done.Go(func() {
			for n := range each {
				path := fmt.Sprintf("pushrules/global/room/!%d.%d", device, n)
				if got := d.Do("PUT", path, token, `{"actions":[]}`); got.Status != 200 {
					t.Errorf("got %+v", got)
				}
			}
		})
	}
	done.Wait()
	var rules []json.RawMessage
	if err := json.Unmarshal([]byte(rulesOf(t, d, token, pushrules.Room)), &rules); err != nil || len(rules) != devices*each {
		t.Errorf("%d rules are kept, want %d (%v)", len(rules), devices*each, err)
	}
}
