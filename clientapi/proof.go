package clientapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/chappe-im/chappe/clientapi/uia"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// A proof is what a request brings to show that its user is there, and what for.
type proof struct {
	auth      uia.Auth
	operation uia.Operation // without its user
}

// readProof reads a body with auth in it, and gives its members. A DELETE may come
// without a body.
func readProof(r *http.Request) (p proof, members map[string]json.RawMessage, err error) {
	if r.Method != http.MethodDelete || r.ContentLength != 0 {
		if members, err = httpapi.ReadObject(r); err != nil {
			return proof{}, nil, err
		}
	}
	p.operation.Request = r.Method + " " + r.URL.EscapedPath()
	p.auth, p.operation.Body, err = uia.Split(members)
	return p, members, err
}

// prove is nil once the user of the device has authenticated for the operation. It
// may be so again for a repeated request.
func (s *Server) prove(ctx context.Context, device todevice.Device, p proof) error {
	p.operation.User = device.User
	session, err := s.proofs.Resume(ctx, p.auth, p.operation)
	if err != nil {
		return err
	}
	defer session.End()
	return s.proofs.Authenticate(ctx, session, p.auth, s.PasswordStage(device))
}
