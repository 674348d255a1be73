package uia

import (
	"crypto/sha256"
	"encoding/json"

	"github.com/chappe-im/chappe/clientapi/passwords"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// An Auth is the auth object of a request; zero where the request has none.
//
// https://spec.matrix.org/v1.15/client-server-api/#user-interactive-api-in-the-rest-api
type Auth struct {
	Type, Session string
	// User is whose password is given, as typed: a user ID or a localpart. "" where
	// the client names nobody.
	User     string
	Password passwords.Digest
	// Token is a registration token.
	Token string
}

// UnmarshalJSON reads the object. Of the password only its digest is kept.
func (a *Auth) UnmarshalJSON(raw []byte) error {
	var auth struct {
		Type       string `json:"type"`
		Session    string `json:"session"`
		Identifier struct {
			Type string `json:"type"`
			User string `json:"user"`
		} `json:"identifier"`
		// User is the form from before there were identifiers.
		User     string `json:"user"`
		Password string `json:"password"`
		Token    string `json:"token"`
	}
	if err := json.Unmarshal(raw, &auth); err != nil {
		return err
	}
	*a = Auth{
		Type: auth.Type, Session: auth.Session, User: auth.User,
		Password: passwords.DigestOf(auth.Password), Token: auth.Token,
	}
	if auth.Identifier.Type == "m.id.user" && auth.Identifier.User != "" {
		a.User = auth.Identifier.User
	}
	return nil
}

// An Operation is what a session is begun for. It is good for nothing else.
type Operation struct {
	// User is who wants it done; zero for a registration.
	User todevice.UserID
	// Request is method and path.
	Request string
	// Body stands for the members of the request's body other than auth; zero where a
	// session may change them.
	Body [sha256.Size]byte
}

// Split takes the auth object out of the members of a body, and gives what stands
// for the others in an Operation.
func Split(members map[string]json.RawMessage) (auth Auth, body [sha256.Size]byte, err error) {
	rest := make(map[string]json.RawMessage, len(members))
	for name, member := range members {
		if name != "auth" {
			rest[name] = member
		}
	}
	if raw := members["auth"]; raw != nil {
		if err := json.Unmarshal(raw, &auth); err != nil {
			return Auth{}, body, httpapi.BadJSON("auth has the wrong shape")
		}
	}
	text, err := json.Marshal(rest) // sorted by name, without white space
	return auth, sha256.Sum256(text), err
}
