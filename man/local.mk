# The manuals. Those of ganger.conf(5), gangerctl(1), ganger-bridge(8) and libganger-control(3) are with what they describe.
dist_man_MANS += man/gangerd.8 man/libganger.3
dist_man_MANS += man/ganger_join.3 man/ganger_ring_open.3 man/ganger_receive.3 man/ganger_send.3 man/ganger_forward.3
# Every other function has a page that names one of these.
dist_man_MANS += man/ganger_leave.3 man/ganger_ready.3 man/ganger_status.3 man/ganger_worker.3 man/ganger_instance.3 man/ganger_interrupt.3
dist_man_MANS += man/ganger_ring_close.3 man/ganger_ring_name.3 man/ganger_ring_message_max.3 man/ganger_ring_fd.3
dist_man_MANS += man/ganger_ring_receive.3 man/ganger_acknowledge.3 man/ganger_reject.3
dist_man_MANS += man/ganger_ring_send.3 man/ganger_ring_reserve.3 man/ganger_commit.3 man/ganger_cancel.3
dist_man_MANS += man/ganger_forward_many.3
# Batches and numbered messages.
dist_man_MANS += man/ganger_ring_receive_many.3 man/ganger_ring_produce.3
dist_man_MANS += man/ganger_acknowledge_many.3 man/ganger_ring_reserve_many.3 man/ganger_commit_many.3
dist_man_MANS += man/ganger_ring_sequence.3 man/ganger_ring_send_sequenced.3 man/ganger_commit_sequenced.3
dist_man_MANS += man/ganger_reject_after.3
