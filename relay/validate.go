package relay

import (
	"fmt"

	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/todevice"
)

// validate refuses a batch one of whose contents could not be signed for another
// server. The rule holds for local recipients, too, so that it does not depend on
// where a recipient lives what can be sent.
//
// Contents stay as they were written, unless that is much longer than what they
// say: white space would count against no limit, and fill inboxes and transactions.
// They are valid JSON: whoever read them has seen to that.
func validate(b todevice.Batch) error {
	for _, send := range b.Sends {
		for i, message := range send.Messages {
			if len(message.Content) <= todevice.MaxContent { // so its canonical form is no longer
				if err := canonicaljson.Check(message.Content); err != nil {
					return fmt.Errorf("%w: %w", todevice.ErrContentNotCanonical, err)
				}
				continue
			}
			canonical, err := canonicaljson.Strict(message.Content)
			if err != nil {
				return fmt.Errorf("%w: %w", todevice.ErrContentNotCanonical, err)
			}
			if len(canonical) > todevice.MaxContent {
				return todevice.ErrContentTooLarge
			}
			send.Messages[i].Content = canonical
		}
	}
	return nil
}
