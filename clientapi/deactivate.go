package clientapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/chappe-im/chappe/todevice"
)

type deactivateAnswer struct {
	// IDServerUnbindResult is "no-support": nothing is bound at an identity server.
	IDServerUnbindResult string `json:"id_server_unbind_result"`
}

func readDeactivate(r *http.Request) (proof, error) {
	p, _, err := readProof(r)
	return p, err
}

// deactivateMe ends the user's account for ever. Whether the client wants the data
// erased does not matter, as none is kept in either case.
//
// POST /_matrix/client/v3/account/deactivate
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3accountdeactivate
func (s *Server) deactivateMe(ctx context.Context, device todevice.Device, p proof) (deactivateAnswer, error) {
	answer := deactivateAnswer{IDServerUnbindResult: "no-support"}
	if err := s.prove(ctx, device, p); err != nil {
		return deactivateAnswer{}, err
	}
	err := s.deactivate(ctx, device.User.Localpart)
	// Whoever did it meanwhile did what was asked for.
	if err != nil && !errors.Is(err, todevice.ErrUserDeactivated) {
		return deactivateAnswer{}, err
	}
	return answer, nil
}

func (s *Server) deactivate(ctx context.Context, localpart string) error {
	// A client that hangs up now must not keep the /sync of the devices from ending.
	gone, err := s.store.Deactivate(context.WithoutCancel(ctx), localpart)
	if err != nil {
		return fmt.Errorf("deactivate the account: %w", err)
	}
	s.notifier.Wake(gone...)
	return nil
}
