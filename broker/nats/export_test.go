package nats

// Tuned makes a Broker with room for so many messages between nats.go and the inbox, and for so many bytes in a lane.
func Tuned(url string, opts *Options, arriving, laneBytes int) (*Broker, error) {
	return newBroker(url, opts, tuning{arriving, laneBytes})
}
