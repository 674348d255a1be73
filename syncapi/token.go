package syncapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/chappe-im/chappe/todevice"
)

// A token is what /sync hands out as next_batch and takes as since:
//
//	<version><epoch>.<inbox position>.<changes position>
//
// The epoch stands for the database and the device together, so that a token of
// another device is as foreign as one of another database: its positions mean
// nothing here, and must not confirm what this device never got.
type token struct {
	epoch epoch
	inbox todevice.Position
	// changes is the position up to which the device was told of all that is not
	// messages: the changes of device lists, and what the user keeps here.
	changes todevice.Position
}

// An epoch is the first 64 bits of a hash of the database's epoch and the inbox.
type epoch uint64

const tokenVersion = "1"

var errNoToken = errors.New("not a sync token of this server")

func epochOf(database []byte, inbox todevice.InboxID) epoch {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(database[:len(database):len(database)], uint64(inbox)))
	return epoch(binary.BigEndian.Uint64(sum[:]))
}

func (t token) String() string {
	tag := base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(t.epoch)))
	return fmt.Sprintf("%s%s.%d.%d", tokenVersion, tag, t.inbox, t.changes)
}

// parseToken reads a token, whoever it was made for.
func parseToken(s string) (token, error) {
	s, ok := strings.CutPrefix(s, tokenVersion)
	parts := strings.Split(s, ".")
	if !ok || len(parts) != 3 {
		return token{}, errNoToken
	}
	tag, err := base64.RawURLEncoding.Strict().DecodeString(parts[0])
	if err != nil || len(tag) != 8 || strings.ContainsAny(parts[0], "\r\n") { // the decoder passes over line ends
		return token{}, errNoToken
	}
	t := token{epoch: epoch(binary.BigEndian.Uint64(tag))}
	if t.inbox, err = parsePosition(parts[1]); err != nil {
		return token{}, err
	}
	t.changes, err = parsePosition(parts[2])
	return t, err
}

func parsePosition(s string) (todevice.Position, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, errNoToken
	}
	return todevice.Position(n), nil
}
