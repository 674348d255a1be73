package federationapi

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/signing"
)

// keyLifetime is for how long other servers may keep our keys without asking
// again.
const keyLifetime = 24 * time.Hour

// publishKeys: GET /_matrix/key/v2/server
//
// The answer is in canonical form, as there are servers that check the signature
// over the bytes they got.
//
// https://spec.matrix.org/v1.15/server-server-api/#get_matrixkeyv2server
func (s *Server) publishKeys(context.Context, struct{}) (json.RawMessage, error) {
	old := make(map[gomatrixserverlib.KeyID]gomatrixserverlib.OldVerifyKey, len(s.cfg.OldKeys))
	for _, key := range s.cfg.OldKeys {
		old[key.ID] = gomatrixserverlib.OldVerifyKey{
			VerifyKey: gomatrixserverlib.VerifyKey{Key: spec.Base64Bytes(key.Public)},
			ExpiredTS: spec.AsTimestamp(key.Expired),
		}
	}
	published, err := json.Marshal(gomatrixserverlib.ServerKeyFields{
		ServerName: s.cfg.Name,
		VerifyKeys: map[gomatrixserverlib.KeyID]gomatrixserverlib.VerifyKey{
			s.cfg.Key.ID: {Key: spec.Base64Bytes(s.cfg.Key.Public())},
		},
		ValidUntilTS:  spec.AsTimestamp(s.cfg.Now().Add(keyLifetime)),
		OldVerifyKeys: old,
	})
	if err != nil {
		return nil, fmt.Errorf("publish the keys: %w", err)
	}
	signed, err := signing.SignObject(published, s.cfg.Name, s.cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("publish the keys: %w", err)
	}
	return signed, nil
}

type versionAnswer struct {
	Server serverVersion `json:"server"`
}

type serverVersion struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// version: GET /_matrix/federation/v1/version
//
// https://spec.matrix.org/v1.15/server-server-api/#get_matrixfederationv1version
func (s *Server) version(context.Context, struct{}) (versionAnswer, error) {
	return versionAnswer{Server: serverVersion{Name: "Chappe", Version: s.cfg.Version}}, nil
}
