package keybackup

import (
	"encoding/json"
	"io"

	"github.com/chappe-im/chappe/todevice"
)

// A roomsWriter writes keys, in order of their rooms, as the object that holds them:
// {"rooms": {room: {"sessions": {session: key}}}}, or {"sessions": …} for one room.
type roomsWriter struct {
	w   io.Writer
	one string // the one room that is written, "" for all
	err error  // the first one

	room    string // the one being written, "" before the first
	further bool   // there is a session of it already
}

func (w *roomsWriter) text(parts ...string) {
	for _, part := range parts {
		if w.err == nil {
			_, w.err = io.WriteString(w.w, part)
		}
	}
}

func (w *roomsWriter) value(value any) {
	if w.err == nil {
		var raw []byte
		if raw, w.err = json.Marshal(value); w.err == nil {
			w.text(string(raw))
		}
	}
}

func (w *roomsWriter) open() {
	if w.room = w.one; w.one == "" {
		w.text(`{"rooms":{`)
		return
	}
	w.text(`{"sessions":{`)
}

func (w *roomsWriter) key(k todevice.BackedUpKey) {
	if k.Room != w.room {
		if w.room != "" {
			w.text(`}},`)
		}
		w.value(k.Room)
		w.text(`:{"sessions":{`)
		w.room, w.further = k.Room, false
	}
	if w.further {
		w.text(`,`)
	}
	w.further = true
	w.value(k.Session)
	w.text(`:`)
	w.value(answerOf(k))
}

func (w *roomsWriter) close() {
	if w.one == "" && w.room != "" {
		w.text(`}}`)
	}
	w.text(`}}`)
}
