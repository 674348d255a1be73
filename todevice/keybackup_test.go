package todevice_test

import (
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

func TestBetterKeyIsVerifiedThenEarlierThenLessForwarded(t *testing.T) {
	key := func(verified bool, index, forwarded int64) todevice.BackedUpKey {
		return todevice.BackedUpKey{Verified: verified, FirstMessageIndex: index, ForwardedCount: forwarded}
	}
	order := []todevice.BackedUpKey{ // best first
		key(true, 0, 0), key(true, 0, 9), key(true, 1, 0), key(true, 9, 9),
		key(false, 0, 0), key(false, 0, 1), key(false, 1, 0), key(false, 1, 1),
	}
	for i, a := range order {
		for j, b := range order {
			if got := a.BetterThan(b); got != (i < j) {
				t.Errorf("%+v better than %+v: %v", a, b, got)
			}
		}
	}
}
