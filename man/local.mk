# The manuals. Those of ganger.conf(5), gangerctl(1), ganger-bridge(8) and libganger-control(3) are with what they describe.
dist_man_MANS += man/gangerd.8 man/libganger.3 man/ganger-tutorial.7
dist_man_MANS += man/ganger_join.3 man/ganger_ring_open.3 man/ganger_receive.3 man/ganger_send.3 man/ganger_forward.3
# Every other function has a page that names one of these.
dist_man_MANS += man/ganger_leave.3 man/ganger_ready.3 man/ganger_status.3 man/ganger_worker.3 man/ganger_instance.3 man/ganger_interrupt.3 man/ganger_heartbeat.3
dist_man_MANS += man/ganger_is_standby.3 man/ganger_wait_active.3
dist_man_MANS += man/ganger_ring_close.3 man/ganger_ring_name.3 man/ganger_ring_message_max.3 man/ganger_ring_fd.3
dist_man_MANS += man/ganger_ring_receive.3 man/ganger_acknowledge.3 man/ganger_reject.3
dist_man_MANS += man/ganger_ring_send.3 man/ganger_ring_reserve.3 man/ganger_commit.3 man/ganger_cancel.3
dist_man_MANS += man/ganger_forward_many.3
# Rings without the daemon.
dist_man_MANS += man/ganger_host_new.3 man/ganger_member_join.3
dist_man_MANS += man/ganger_host_free.3 man/ganger_host_add.3 man/ganger_host_inspect.3 man/ganger_host_admit.3 man/ganger_member_drain.3 man/ganger_member_stopped.3 man/ganger_member_recover.3 man/ganger_member_free.3
dist_man_MANS += man/ganger_member_environment.3 man/ganger_member_descriptors.3 man/ganger_member_inherit.3 man/ganger_member_send.3 man/ganger_join_socket.3 man/ganger_join_descriptors.3
dist_man_MANS += man/ganger_semaphore_acquire.3 man/ganger_counter_add.3
dist_man_MANS += man/ganger_semaphore_open.3 man/ganger_semaphore_close.3 man/ganger_semaphore_release.3 man/ganger_semaphore_value.3
dist_man_MANS += man/ganger_counter_open.3 man/ganger_counter_close.3 man/ganger_counter_get.3 man/ganger_counter_set.3
dist_man_MANS += man/ganger_counter_compare_and_swap.3 man/ganger_counter_snapshot.3
# Batches and numbered messages.
dist_man_MANS += man/ganger_ring_receive_many.3 man/ganger_ring_produce.3
dist_man_MANS += man/ganger_acknowledge_many.3 man/ganger_ring_reserve_many.3 man/ganger_commit_many.3
dist_man_MANS += man/ganger_ring_sequence.3 man/ganger_ring_send_sequenced.3 man/ganger_commit_sequenced.3
dist_man_MANS += man/ganger_wait_any.3
dist_man_MANS += man/ganger_service_call.3
dist_man_MANS += man/ganger_service_open.3 man/ganger_service_close.3 man/ganger_service_message_max.3 man/ganger_service_begin.3
dist_man_MANS += man/ganger_service_finish.3 man/ganger_service_abandon.3 man/ganger_service_receive.3 man/ganger_service_fd.3
dist_man_MANS += man/ganger_service_reply.3 man/ganger_service_fail.3
dist_man_MANS += man/ganger_monitor_lock.3 man/ganger_monitor_open.3 man/ganger_monitor_close.3 man/ganger_monitor_unlock.3
dist_man_MANS += man/ganger_monitor_consistent.3 man/ganger_monitor_wait.3 man/ganger_monitor_signal.3 man/ganger_monitor_broadcast.3
dist_man_MANS += man/ganger_mutex_open.3 man/ganger_mutex_close.3 man/ganger_mutex_lock.3 man/ganger_mutex_unlock.3 man/ganger_mutex_consistent.3
dist_man_MANS += man/ganger_pipe_open.3
dist_man_MANS += man/ganger_pipe_close.3 man/ganger_pipe_name.3 man/ganger_pipe_message_max.3 man/ganger_pipe_fd.3
dist_man_MANS += man/ganger_pipe_send.3 man/ganger_pipe_append.3 man/ganger_pipe_publish.3 man/ganger_pipe_reserve.3
dist_man_MANS += man/ganger_pipe_commit.3 man/ganger_pipe_peek.3 man/ganger_pipe_peek_many.3 man/ganger_pipe_send_many.3 man/ganger_pipe_consume.3 man/ganger_pipe_receive.3
dist_man_MANS += man/ganger_broadcast_open.3
dist_man_MANS += man/ganger_broadcast_append.3 man/ganger_broadcast_close.3 man/ganger_broadcast_commit.3
dist_man_MANS += man/ganger_broadcast_consume.3 man/ganger_broadcast_fd.3 man/ganger_broadcast_message_max.3
dist_man_MANS += man/ganger_broadcast_name.3 man/ganger_broadcast_peek.3 man/ganger_broadcast_publish.3 man/ganger_broadcast_receive.3
dist_man_MANS += man/ganger_broadcast_reserve.3 man/ganger_broadcast_send.3 man/ganger_broadcast_subscribe.3
dist_man_MANS += man/ganger_reject_after.3
dist_man_MANS += man/ganger_service_name.3 man/ganger_semaphore_name.3 man/ganger_counter_name.3 man/ganger_monitor_name.3 man/ganger_mutex_name.3
