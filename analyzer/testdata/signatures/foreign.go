package signatures

import "github.com/wsgate/wsgate/analyzer/testdata/lookalike/chat"

type closer = chat.Chat
