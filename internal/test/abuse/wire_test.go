package abuse

import "github.com/wsgate/wsgate/internal/test/wire"

// Short names for what nearly every test of this package puts on the wire.
const (
	fin  = wire.Fin
	rsv1 = wire.RSV1
	rsv2 = wire.RSV2
	rsv3 = wire.RSV3

	more     = wire.More
	last     = wire.Last
	begins   = wire.Begins
	text     = wire.Text
	bin      = wire.Binary
	closing  = wire.Closing
	ping     = wire.Ping
	pong     = wire.Pong
	maskFlag = wire.MaskFlag
)

var (
	header     = wire.Header
	masked     = wire.Masked
	maskedAs   = wire.MaskedAs
	mask       = wire.Mask
	unmasked   = wire.Unmasked
	closeFrame = wire.Close
)
