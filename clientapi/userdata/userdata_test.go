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
