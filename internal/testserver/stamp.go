package testserver

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// A Message is one that a device has sent, by its place in what that has sent.
type Message struct {
	From Device
	// Number is from 1, in the order of [Ledger.Sending]; 0 in a message that no
	// ledger has given out.
	Number int
}

func (m Message) String() string { return fmt.Sprintf("%s #%d", m.From, m.Number) }

// Stamp is the text by which the ledger knows the message again. The event itself
// says which user it is from.
func (m Message) Stamp() string { return m.From.ID + " " + strconv.Itoa(m.Number) }

// Content is a content that carries the stamp.
func (m Message) Content() map[string]any { return map[string]any{"stamp": m.Stamp()} }

// messageOf finds the stamp in an event. A peer message of RTM has it as its
// payload.
func messageOf(event Event) Message {
	var content struct {
		Stamp   string `json:"stamp"`
		Payload string `json:"payload"`
	}
	_ = json.Unmarshal(event.Content, &content) // a stranger's may have any shape
	if content.Stamp == "" {
		content.Stamp = content.Payload
	}
	id, digits, _ := strings.Cut(content.Stamp, " ")
	number, err := strconv.Atoi(digits)
	if err != nil || number < 1 {
		return Message{From: Device{User: event.Sender, ID: "(" + event.Type + ")"}}
	}
	return Message{From: Device{User: event.Sender, ID: id}, Number: number}
}
