package userdata

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

// A shape checks a value of JSON.
type shape func(json.RawMessage) error

// members is the shape of an object. Members it does not name may be anything: they
// are those of other releases.
type members map[string]shape

func (m members) check(value json.RawMessage) error {
	object, ok := rawjson.Object(value)
	if !ok {
		return errors.New("it is not an object")
	}
	for name, check := range m {
		if member, there := object[name]; there {
			if err := check(member); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// checkFilter tells whether a filter is one.
//
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3useruseridfilter
func checkFilter(filter json.RawMessage) error {
	events := eventFilter()
	roomEvents := eventFilter()
	for name, check := range (members{
		"rooms":                       listOf(roomID),
		"not_rooms":                   listOf(roomID),
		"contains_url":                boolean,
		"lazy_load_members":           boolean,
		"include_redundant_members":   boolean,
		"unread_thread_notifications": boolean,
	}) {
		roomEvents[name] = check
	}
	room := members{
		"rooms":         listOf(roomID),
		"not_rooms":     listOf(roomID),
		"include_leave": boolean,
		"ephemeral":     roomEvents.check,
		"state":         roomEvents.check,
		"timeline":      roomEvents.check,
		"account_data":  roomEvents.check,
	}
	return members{
		"event_fields": listOf(text),
		"event_format": eventFormat,
		"presence":     events.check,
		"account_data": events.check,
		"room":         room.check,
	}.check(filter)
}

func eventFilter() members {
	return members{
		"limit":       limit,
		"senders":     listOf(userID),
		"not_senders": listOf(userID),
		"types":       listOf(text),
		"not_types":   listOf(text),
	}
}

func listOf(item shape) shape {
	return func(value json.RawMessage) error {
		items, ok := rawjson.List(value)
		if !ok {
			return errors.New("it is not a list")
		}
		for i, value := range items {
			if err := item(value); err != nil {
				return fmt.Errorf("item %d: %w", i, err)
			}
		}
		return nil
	}
}

func text(value json.RawMessage) error {
	if _, ok := rawjson.Text(value); !ok {
		return errors.New("it is not a string")
	}
	return nil
}

func boolean(value json.RawMessage) error {
	if s := string(value); s != "true" && s != "false" {
		return errors.New("it is neither true nor false")
	}
	return nil
}

// limit takes 0, too, which some clients write for "none".
func limit(value json.RawMessage) error {
	if _, err := strconv.ParseUint(string(value), 10, 53); err != nil {
		return errors.New("it is not a whole number")
	}
	return nil
}

func eventFormat(value json.RawMessage) error {
	if format, _ := rawjson.Text(value); format != "client" && format != "federation" {
		return errors.New("it is neither client nor federation")
	}
	return nil
}

func userID(value json.RawMessage) error {
	id, _ := rawjson.Text(value)
	if _, err := todevice.ParseUserID(id); err != nil {
		return errors.New("it is not a user ID")
	}
	return nil
}

func roomID(value json.RawMessage) error {
	if id, _ := rawjson.Text(value); !strings.HasPrefix(id, "!") || len(id) < 2 || len(id) > 255 {
		return errors.New("it is not a room ID")
	}
	return nil
}
