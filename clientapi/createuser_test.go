package clientapi_test

import (
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/chappe-im/chappe/clientapi"
)

func TestCreateUserChecksTheNameAndLogsNobodyIn(t *testing.T) {
	d := newDoor(t)
	// As the command line has it: registration closed, and nobody to send or notify.
	operator := clientapi.New(clientapi.Config{ServerName: serverName, PasswordCost: bcrypt.MinCost}, d.store, nil, nil, nil, silent())
	for _, c := range []struct {
		name, password string
		ok             bool
	}{
		{"Carol", "p", true},
		{"carol", "p", false},
		{"not ok", "p", false},
		{"dave", "", false},
	} {
		id, err := operator.CreateUser(t.Context(), c.name, c.password, false)
		if (err == nil) != c.ok || c.ok != (id.Localpart != "") {
			t.Errorf("%q with password %q: %v, %v; want success %t", c.name, c.password, id, err, c.ok)
		}
	}
}
