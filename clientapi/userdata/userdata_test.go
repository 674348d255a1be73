package userdata_test

import (
	"testing"

	"github.com/chappe-im/chappe/clientapi/userdata"
	"github.com/chappe-im/chappe/internal/doortest"
	"github.com/chappe-im/chappe/storage/sqlite"
)

func newDoor(t *testing.T) *doortest.Door {
	t.Helper()
	d := doortest.New(t, sqlite.Options{})
	userdata.New(d.Store, doortest.Log()).Routes(d.Router)
	return d
}

// rows has a row for every endpoint; those under {v3} stand for r0, too.
var rows = []doortest.Row{
	{Route: "POST {v3}/user/{userId}/filter", Reads: true, WrongMethod: "GET"},
	{Route: "GET {v3}/user/{userId}/filter/{filterId}", Answer: "404 M_NOT_FOUND", WrongMethod: "POST"},
	{Route: "GET {v3}/user/{userId}/account_data/{type}", Answer: "404 M_NOT_FOUND", WrongMethod: "POST"},
	{Route: "PUT {v3}/user/{userId}/account_data/{type}", Reads: true, WrongMethod: "DELETE"},
	{Route: "GET {v3}/pushrules/", WrongMethod: "POST"},
	{Route: "GET {v3}/pushrules", WrongMethod: "POST"},
	{Route: "GET {v3}/pushrules/global/", WrongMethod: "POST"},
	{Route: "GET {v3}/pushrules/global", WrongMethod: "POST"},
	{Route: "GET {v3}/pushrules/global/{kind}/{ruleId}", Answer: "404 M_NOT_FOUND", WrongMethod: "POST"},
	{Route: "PUT {v3}/pushrules/global/{kind}/{ruleId}", Body: `{"actions":[]}`, Reads: true, WrongMethod: "POST"},
	{Route: "DELETE {v3}/pushrules/global/{kind}/{ruleId}", Answer: "404 M_NOT_FOUND", WrongMethod: "POST"},
	{Route: "GET {v3}/pushrules/global/{kind}/{ruleId}/enabled", Answer: "404 M_NOT_FOUND", WrongMethod: "POST"},
	{Route: "PUT {v3}/pushrules/global/{kind}/{ruleId}/enabled", Body: `{"enabled":true}`, Answer: "404 M_NOT_FOUND", Reads: true, WrongMethod: "POST"},
	{Route: "GET {v3}/pushrules/global/{kind}/{ruleId}/actions", Answer: "404 M_NOT_FOUND", WrongMethod: "POST"},
	{Route: "PUT {v3}/pushrules/global/{kind}/{ruleId}/actions", Body: `{"actions":[]}`, Answer: "404 M_NOT_FOUND", Reads: true, WrongMethod: "POST"},
	{Route: "GET {v3}/presence/{userId}/status", WrongMethod: "POST"},
	{Route: "PUT {v3}/presence/{userId}/status", Body: `{"presence":"online"}`, Reads: true, WrongMethod: "POST"},
	{Route: "GET {v3}/pushers", WrongMethod: "POST"},
	{Route: "POST {v3}/pushers/set", Body: pusher("k", ""), Reads: true, WrongMethod: "GET"},
	{Route: "GET {v3}/notifications", WrongMethod: "POST"},
}

func TestEveryRouteAnswersAsItsRowSays(t *testing.T) {
	doortest.CheckRows(t, newDoor, rows, "{type}", "m.test", "{filterId}", "1", "{kind}", "room", "{ruleId}", "!r")
}
