package clientapi

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/clientapi/passwords"
	"github.com/chappe-im/chappe/internal/httpapi"
)

const (
	maxNonces     = 10_000
	nonceLifetime = time.Minute
)

type nonceAnswer struct {
	Nonce string `json:"nonce"`
}

// newNonce gives a word that may be used in one registration soon.
//
// GET /_synapse/admin/v1/register
// https://element-hq.github.io/synapse/latest/admin_api/register_api.html
func (s *Server) newNonce(context.Context, struct{}) (nonceAnswer, error) {
	nonce := rand.Text()
	s.nonces.Put(nonce, struct{}{})
	return nonceAnswer{Nonce: nonce}, nil
}

type sharedSecretQuery struct {
	Nonce    string `json:"nonce"`
	Username string `json:"username"`
	Password string `json:"password"`
	Admin    bool   `json:"admin"`
	// UserType is part of what is signed, and means nothing here.
	UserType   string `json:"user_type"`
	MAC        string `json:"mac"` // hex
	remoteAddr string
}

func readSharedSecret(r *http.Request) (sharedSecretQuery, error) {
	query := sharedSecretQuery{remoteAddr: httpapi.ClientAddress(r)}
	if err := httpapi.ReadJSON(r, &query); err != nil {
		return sharedSecretQuery{}, err
	}
	for _, field := range []struct{ name, value string }{
		{"nonce", query.Nonce}, {"username", query.Username},
		{"password", query.Password}, {"mac", query.MAC},
	} {
		if field.value == "" {
			return sharedSecretQuery{}, httpapi.BadJSON(field.name + " is missing")
		}
		// NUL parts the fields in what is signed.
		if strings.ContainsRune(field.value, 0) {
			return sharedSecretQuery{}, httpapi.BadJSON(field.name + " contains NUL")
		}
	}
	return query, nil
}

// registerBySharedSecret makes an account for whoever knows the shared secret,
// in the way that scripts made for Synapse expect.
//
// POST /_synapse/admin/v1/register
// https://element-hq.github.io/synapse/latest/admin_api/register_api.html
func (s *Server) registerBySharedSecret(ctx context.Context, q sharedSecretQuery) (accountAnswer, error) {
	if _, ok := s.nonces.Take(q.Nonce); !ok {
		return accountAnswer{}, httpapi.BadRequest(spec.ErrorUnknown, "The nonce is unknown, used or too old")
	}
	if !q.signedWith(s.config.SharedSecret) {
		return accountAnswer{}, httpapi.Forbidden("The mac is wrong")
	}
	localpart := foldCase(q.Username)
	if err := s.checkLocalpart(ctx, localpart); err != nil {
		return accountAnswer{}, err
	}
	login := newDevice{}.login(q.remoteAddr)
	return s.createAccount(ctx, newAccount{
		localpart: localpart,
		password:  passwords.DigestOf(q.Password),
		admin:     q.Admin,
		login:     &login,
	})
}

// signedWith tells whether the mac was made with the secret, of the fields as
// they came.
func (q sharedSecretQuery) signedWith(secret string) bool {
	role := "notadmin"
	if q.Admin {
		role = "admin"
	}
	fields := []string{q.Nonce, q.Username, q.Password, role}
	if q.UserType != "" {
		fields = append(fields, q.UserType)
	}
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(strings.Join(fields, "\x00")))
	given, err := hex.DecodeString(q.MAC)
	return err == nil && hmac.Equal(given, mac.Sum(nil))
}
