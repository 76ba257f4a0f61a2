package abuse

// A row is one kind of bad input or fault.
type row struct {
	n     int
	what  string
	tests tests
	not   string // what of it is not tested, and why
}

// rows is the whole list: A the handshake, B frames, C envelopes and payloads, D rooms, E peers and networks, F the server
// itself, G brokers. A test that is in several rows runs in the first of them.
var rows = []row{
	// A
	{1, "bytes that are not HTTP, TLS on the plain port", tests{notHTTP}, ""},
	{2, "headers that come byte by byte, from a thousand clients", tests{headerTimeout}, ""},
	{3, "connections on which nothing comes", tests{headerTimeout}, "no limit per address"},
	{4, "an upgrade with a body that never comes or never ends", tests{upgradeWithBody}, ""},
	{5, "headers that are too large or too many", tests{largeHeaders}, ""},
	{6, "HTTP/1.0, no Host or two, absolute URI, malformed request lines", tests{requestLine}, ""},
	{7, "bad keys and versions of the protocol", tests{keyAndVersion}, ""},
	{8, "other methods, and requests that are no upgrade", tests{otherMethods}, ""},
	{9, "subprotocols: none, unknown, many, malformed", tests{unknownSubprotocols}, ""},
	{10, "extensions: unknown, many, malformed, contradictory", tests{otherExtensions, compressionOffers}, ""},
	{11, "origins: absent, null, look-alikes, duplicates", tests{foreignOrigins}, ""},
	{12, "tokens that are wrong or monstrous", tests{monstrousTokens}, "what is in a token is the application's"},
	{13, "an upgrade hook that blocks, panics, or loses its client", tests{upgradeHook}, ""},
	{14, "path tricks, and very long paths and queries", tests{pathTricks}, ""},
	{15, "forged headers about the client's address", tests{forwardedFor}, ""},
	{16, "very many connections at once, and no file left for one", tests{connectionStorm, noFilesLeft}, "no limit per address"},
	{17, "an upgrade while the App shuts down", tests{upgradeDuringShutdown}, ""},
	{18, "frames in the same segment as the handshake", tests{pipelinedFrames}, ""},
	{19, "a client that is gone before OnOpen", tests{goneBeforeOpen}, ""},
	{20, "one user who connects a hundred times", tests{oneUserTooOften, replacedAndSilent}, "the limit is counted on each node"},
	// B
	{21, "unmasked frames", tests{unmaskedFrames, messagesBeforeViolations, framesOverTLS}, ""},
	{22, "reserved bits and opcodes, bad control frames, bad fragments", tests{malformedFrames, framesOverTLS}, ""},
	{23, "lengths of gigabytes and more, then silence", tests{hugeLengths, framesOverTLS}, ""},
	{24, "lengths in a longer form than they need", tests{longFormsOfLengths}, ""},
	{25, "messages at the limit, in whatever frames", tests{messageLimit}, ""},
	{26, "endless empty and tiny fragments", tests{endlessFragments}, ""},
	{27, "text that is not UTF-8, split anywhere", tests{notUTF8}, ""},
	{28, "close frames with all kinds of codes and reasons", tests{closeFrames}, ""},
	{29, "floods of pings and pongs", tests{controlFlood}, ""},
	{30, "more after a close frame, from either side", tests{afterClose}, ""},
	{31, "a close that is answered by a frame without an end", tests{dribbleAfterClose, dribbleDuringShutdown, networkOverTLS}, ""},
	{32, "one byte per segment", tests{oneByteSegments}, ""},
	{33, "a split at every offset", tests{everySplit}, ""},
	{34, "binary where text is expected, and the other way round", tests{unexpectedTypes}, ""},
	{35, "compression: not negotiated, bombs, streams of nothing, corrupt, cut", tests{compressionWithoutNegotiation, badCompression, goodCompression, keptContext, compressedNothing, manyBombs}, ""},
	{36, "control frames between fragments", tests{controlFramesInsideMessages}, ""},
	{37, "random bytes, and sessions with a few wrong ones", tests{randomBytes}, ""},
	// C
	{38, "JSON that is no envelope", tests{noEnvelope, malformedInARow}, ""},
	{39, "trailing data, two documents, a byte order mark", tests{trailingData}, ""},
	{40, "duplicate keys, and keys in another case", tests{duplicateKeys}, ""},
	{41, "deep nesting", tests{deepNesting}, ""},
	{42, "very many tiny values", tests{tinyValues}, ""},
	{43, "numbers out of range", tests{largeNumbers}, ""},
	{44, "strings with NUL and lone surrogates, long keys", tests{oddStrings}, ""},
	{45, "names of events: unknown, empty, long, reserved", tests{eventNames}, ""},
	{46, "ids: missing, duplicate, of a wrong type", tests{ids}, "the server asks its clients nothing"},
	{47, "payloads with missing, surplus and wrong fields", tests{wrongPayloads}, ""},
	{48, "answers that cannot be encoded", tests{badAnswers}, ""},
	{49, "binary encodings that announce too much", nil, "JSON is the only encoding"},
	// D
	{50, "names of rooms that mean something to a broker or a terminal", tests{roomNames, namesAcrossNodes}, ""},
	{51, "too many rooms, and joining twice", tests{manyRooms, churnAcrossNodes}, ""},
	{52, "rooms without permission", tests{forgedMessages}, "who may join is the application's: its handlers say"},
	{53, "a room of one, of very many, with a member that stalls", tests{stalledMember, largeRooms, largeRoomsAcrossNodes, stalledElsewhere}, ""},
	{54, "a storm of broadcasts from one client", tests{broadcastStorm, stormOfMessages}, ""},
	{55, "leaving, closing and sending from within hooks", tests{fromWithinHooks, vanishingMembers, vanishingAcrossNodes, disconnectFromHooks}, ""},
	{56, "the last one leaves while the first one joins", tests{lastLeavesFirstJoins, thousandJoinAndLeave}, ""},
	{57, "one user with many connections, some of which crash", tests{crashingTabs, flappingUser}, ""},
	// E
	{58, "a peer that stops reading while its room is busy", tests{stalledMember, manyStalled, slowReader, slowReaderHearsWhy}, ""},
	{59, "a peer that reads 1 KB/s", tests{slowReader, leavesWithoutReading}, ""},
	{60, "a black hole: idle, while writing, while closing", tests{blackHole, networkOverTLS}, ""},
	{61, "a reset at every moment", tests{resetAnywhere, leavingOverTLS, leavesBehindInput}, ""},
	{62, "a half-close, also inside a message", tests{halfClose, leavingOverTLS, halfCloseInsideCompressedMessage, leavesBehindInput}, ""},
	{63, "latency, loss, tiny segments", tests{poorNetwork}, ""},
	{64, "a client whose process is stopped", tests{stoppedClient}, "there is no recovery for its return"},
	{65, "very many leave at once", tests{massDisconnect}, ""},
	{66, "very many come back at once", tests{reconnectStorm}, ""},
	{67, "clocks that jump", nil, "every limit is measured by the monotonic clock, which a test cannot set"},
	// F
	{68, "panics of every kind, and runtime.Goexit", tests{panics}, "a panic in a goroutine of the application's own ends the process"},
	{69, "handlers that block and ignore their context", tests{blockingHandlers, blockedShutdown}, ""},
	{70, "a handler that sends without end", tests{slowReader}, ""},
	{71, "constructors, middleware and hooks that fail or panic", tests{failingHooks, failingConstructors}, ""},
	{72, "sending to and closing what is closed, from everywhere", tests{useAfterClose, concurrentClose}, ""},
	{73, "shutdown when idle, loaded, twice, with bad clients", tests{shutdowns, shutdownWithBadClients, dribbleDuringShutdown, upgradeDuringShutdown}, ""},
	{74, "a node that is killed", tests{vanishedNode}, "processes are killed by the tests of broker/clustertest"},
	{75, "a node that is stopped and goes on", tests{stoppedNode, brieflyStoppedNode}, "processes are stopped by the tests of broker/clustertest"},
	{76, "no file descriptors left", tests{noFilesLeft}, ""},
	{77, "one processor, little memory", nil, "tests of other packages load the machine, and tell nothing about this"},
	{78, "configurations that make no sense", tests{badConfigurations}, "limits that fit badly together are taken, each is a bound of its own"},
	// G
	{79, "a broker that is not there at the start", tests{absentEngine, degradedStart}, ""},
	{80, "a broker that is killed under load", tests{engineAway}, "engines are killed by the tests of broker/nats, broker/redis and broker/clustertest"},
	{81, "a partition between a node and its broker", tests{swallowingLink}, ""},
	{82, "failovers and refusals of a broker", tests{flappingEngine, refusedUpgrades, refusedMessages, badStore}, "engines fail over by the tests of broker/nats, broker/redis and broker/clustertest"},
	{83, "garbage on a broker's subjects", tests{garbageOnTopics, repeatedMessages, wrongNumbers, missedNews, unreliableEngine}, ""},
	{84, "a node's own messages, and two nodes with one id", tests{ownMessages}, ""},
	{85, "a subscription that fails", tests{refusedSubscriptions, hangingSubscriptions}, ""},
	{86, "a request to other nodes of which one hangs", tests{silentNode, disconnectsAlike}, ""},
}
