package rooms_test

import (
	"fmt"
	"testing"

	"github.com/chappe-im/chappe/clientapi/rooms"
	"github.com/chappe-im/chappe/internal/doortest"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

func newDoor(t *testing.T) *doortest.Door {
	t.Helper()
	d := doortest.New(t, sqlite.Options{})
	rooms.New(doortest.ServerName, d.Store, doortest.Log()).Routes(d.Router)
	return d
}

func TestThereAreNoRooms(t *testing.T) {
	d := newDoor(t)
	_, token := d.Login("alice", "A")
	d.WantBody(`{"joined_rooms":[]}`, "GET", "joined_rooms", token, "")
	d.WantBody(`{"chunk":[],"total_room_count_estimate":0}`, "GET", "publicRooms?limit=10&server=elsewhere.test", "", "")
	d.WantBody(`{"chunk":[],"total_room_count_estimate":0}`, "POST", "publicRooms", token, `{"filter":{"generic_search_term":"x"}}`)
	d.WantBody(`{}`, "GET", "thirdparty/protocols", token, "")
	d.Want(400, "M_INVALID_PARAM", "GET", "user/@alice:chappe.test/rooms/@alice:x/account_data/m.x", token, "")
}

// Clients that ask for these take any other errcode for a fault and ask again.
func TestWhatWasLongAgoIsUnrecognized(t *testing.T) {
	d := newDoor(t)
	_, token := d.Login("alice", "A")
	for _, path := range []string{"events", "initialSync", "/_matrix/client/r0/events", "rooms", "rooms/"} {
		d.Want(404, "M_UNRECOGNIZED", "GET", path, token, "")
	}
}

func TestUserIsFoundByTheWholeName(t *testing.T) {
	d := newDoor(t)
	_, token := d.Login("alice", "A")
	d.Login("bob", "B")
	name, avatar := "Bob", "mxc://chappe.test/b"
	if err := d.Store.SetProfile(t.Context(), "bob", todevice.ProfileChange{DisplayName: &name, AvatarURL: &avatar}); err != nil {
		t.Fatal(err)
	}
	const bob = `{"limited":false,"results":[{"user_id":"@bob:chappe.test","display_name":"Bob","avatar_url":"mxc://chappe.test/b"}]}`
	const nobody = `{"limited":false,"results":[]}`
	for term, want := range map[string]string{
		"bob": bob, " Bob ": bob, "@bob": bob, "@bob:chappe.test": bob, "@BOB:chappe.test": bob,
		"bo": nobody, "@bob:elsewhere.test": nobody, "": nobody, "@": nobody, "bob:": nobody, "@:chappe.test": nobody, "%": nobody,
	} {
		d.WantBody(want, "POST", "user_directory/search", token, fmt.Sprintf(`{"search_term":%q,"limit":1}`, term))
	}
	d.WantBody(`{"limited":false,"results":[{"user_id":"@alice:chappe.test"}]}`, "POST", "user_directory/search", token, `{"search_term":"alice"}`)
	d.Want(400, "M_MISSING_PARAM", "POST", "user_directory/search", token, `{}`)
	d.Want(400, "M_BAD_JSON", "POST", "user_directory/search", token, `{"search_term":1}`)
}
