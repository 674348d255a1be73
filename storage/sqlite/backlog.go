package sqlite

import "github.com/chappe-im/chappe/todevice"

// inboxSize is what waits in one inbox, or may. The bytes are those of messages
// that wait for this device alone; a broadcast's body is counted for none.
type inboxSize struct {
	rows  int
	bytes int64
	// shared is how many of the rows refer to broadcasts.
	shared int
}

// A backlog remembers the sizes of inboxes between commits, so that a limit costs
// no count at each message. It belongs to the writer goroutine; what it does not
// know is counted in the table.
type backlog struct {
	sizes map[todevice.InboxID]inboxSize
}

// maxRemembered bounds the memory of a backlog to a few MiB.
const maxRemembered = 100_000

func (b *backlog) set(inbox todevice.InboxID, size inboxSize) {
	if b.sizes == nil || len(b.sizes) >= maxRemembered {
		b.sizes = make(map[todevice.InboxID]inboxSize)
	}
	b.sizes[inbox] = size
}

// add counts a row with its bytes, or one that refers to a broadcast.
func (b *backlog) add(inbox todevice.InboxID, bytes, shared int) {
	if size, ok := b.sizes[inbox]; ok {
		b.sizes[inbox] = inboxSize{rows: size.rows + 1, bytes: size.bytes + int64(bytes), shared: size.shared + shared}
	}
}

// remove takes rows out, with their share of the bytes: while a long backlog
// drains the bytes are an estimate, and when it is empty they are exact again.
// So many of the rows referred to broadcasts.
func (b *backlog) remove(inbox todevice.InboxID, rows, shared int) {
	if size, ok := b.sizes[inbox]; ok && size.rows > 0 {
		left := max(size.rows-rows, 0)
		b.sizes[inbox] = inboxSize{rows: left, bytes: size.bytes * int64(left) / int64(size.rows), shared: size.shared - shared}
	}
}

// drop takes one row out whose bytes are known.
func (b *backlog) drop(inbox todevice.InboxID, bytes, shared int) {
	if size, ok := b.sizes[inbox]; ok && size.rows > 0 {
		b.sizes[inbox] = inboxSize{rows: size.rows - 1, bytes: max(size.bytes-int64(bytes), 0), shared: size.shared - shared}
	}
}

// holdsNoShared tells whether no row of an inbox refers to a broadcast, if that is known.
func (b *backlog) holdsNoShared(inbox todevice.InboxID) bool {
	size, known := b.sizes[inbox]
	return known && size.shared == 0
}

func (b *backlog) forget(inbox todevice.InboxID) { delete(b.sizes, inbox) }

func (b *backlog) forgetAll() { b.sizes = nil }

// inboxSize gives the size of an inbox, within this transaction.
func (t *tx) inboxSize(inbox todevice.InboxID) (size inboxSize, err error) {
	if size, ok := t.writer.backlog.sizes[inbox]; ok {
		return size, nil
	}
	err = t.queryRow(`SELECT count(*), coalesce(sum(length(event)), 0), count(*) - count(event) FROM inboxes WHERE inbox = ?`,
		[]any{inbox}, &size.rows, &size.bytes, &size.shared)
	if err == nil {
		t.writer.backlog.set(inbox, size)
	}
	return size, err
}
