package clientapi

import (
	"context"

	"github.com/chappe-im/chappe/todevice"
)

type thirdPartyIDsAnswer struct {
	ThreePIDs []struct{} `json:"threepids"`
}

// thirdPartyIDs lists the addresses and numbers of the user: there are none here.
//
// GET /_matrix/client/v3/account/3pid
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3account3pid
func (s *Server) thirdPartyIDs(context.Context, todevice.Device, struct{}) (thirdPartyIDsAnswer, error) {
	return thirdPartyIDsAnswer{ThreePIDs: []struct{}{}}, nil
}
