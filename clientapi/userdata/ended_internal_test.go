package userdata

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/chappe-im/chappe/clientapi/pushrules"
	"github.com/chappe-im/chappe/internal/doortest"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

// A request whose token was good when it came, of an account that ended before it was
// done.
func TestEndedAccountKeepsNothingMore(t *testing.T) {
	d := doortest.New(t, sqlite.Options{})
	s := New(d.Store, doortest.Log())
	alice, _ := d.Login("alice", "A")
	if _, err := d.Store.Deactivate(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	own, empty := alice.User.String(), json.RawMessage(`{}`)
	for name, do := range map[string]func() error{
		"account data": func() error {
			_, err := s.setAccountData(t.Context(), alice, dataChange{dataQuery{own, "m.x"}, empty})
			return err
		},
		"filter": func() error {
			_, err := s.makeFilter(t.Context(), alice, newFilter{own, empty})
			return err
		},
		"push rules": func() error {
			_, err := s.enablePushRule(t.Context(), alice, ruleEnabled{ruleName{pushrules.Override, ".m.rule.master"}, true})
			return err
		},
		"presence": func() error {
			_, err := s.setPresence(t.Context(), alice, presenceChange{user: own, state: todevice.Online})
			return err
		},
		"pusher": func() error {
			_, err := s.setPusher(t.Context(), alice, pusherChange{pusher: todevice.Pusher{JSON: empty}})
			return err
		},
	} {
		var answer *httpapi.Error
		if err := do(); !errors.As(err, &answer) || answer.Status != http.StatusUnauthorized {
			t.Errorf("%s: %v", name, err)
		}
	}
}
