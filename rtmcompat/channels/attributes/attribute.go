package attributes

import (
	"slices"
	"unicode/utf8"

	"github.com/chappe-im/chappe/rtmcompat/wire"
	"github.com/chappe-im/chappe/todevice"
)

// How much there may be, in bytes of UTF-8.
const (
	maxKey     = 32
	maxValue   = 8 << 10
	maxTotal   = 32 << 10 // keys and values of a channel
	maxEntries = 32       // of one call
)

// An Attribute is one as frames have it.
type Attribute struct {
	Key string
	Val string
	UId string // who set it last
	// Time is when that was, in Unix milliseconds.
	Time int64
}

// attributesOf is never nil: the SDK cannot read null where a list should be.
func attributesOf(kept []todevice.ChannelAttribute) []Attribute {
	out := make([]Attribute, 0, len(kept))
	for _, a := range kept {
		out = append(out, Attribute{Key: a.Key, Val: a.Value, UId: a.UID, Time: a.At.UnixMilli()})
	}
	return out
}

func withKeys(all []Attribute, keys []string) []Attribute {
	return slices.DeleteFunc(all, func(a Attribute) bool { return !slices.Contains(keys, a.Key) })
}

func changedFrame(channel string, kept []todevice.ChannelAttribute) []byte {
	return wire.Frame("ChanAttribChanged", struct {
		ChanId     string
		Attributes []Attribute
	}{channel, attributesOf(kept)})
}

// check refuses a change that is too large, or has what is no attribute.
func check(c todevice.ChannelAttributeChange) error {
	if len(c.Set) > maxEntries {
		return ErrTooLarge
	}
	for key, value := range c.Set {
		if !validKey(key) || value == "" || !utf8.ValidString(value) {
			return ErrInvalid
		}
		if len(value) > maxValue {
			return ErrTooLarge
		}
	}
	return checkKeys(c.Delete)
}

func checkKeys(keys []string) error {
	if len(keys) > maxEntries {
		return ErrTooLarge
	}
	for _, key := range keys {
		if !validKey(key) {
			return ErrInvalid
		}
	}
	return nil
}

func validKey(key string) bool { return key != "" && len(key) <= maxKey && utf8.ValidString(key) }
