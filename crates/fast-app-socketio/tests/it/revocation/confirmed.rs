//! What others say that they have done.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use fast_app_socketio::{
    Manager, Revocation, RevokeError, Who,
    bus::{Bus, BusError, BusStats, Envelope, Listener, MemoryBus, Message, OnOutage, Published},
};

use super::{BoxFuture, OUT_OF_THE_CLUB, client, out_of_the_club, worker};
use crate::{Gate, diary};

/// Confirms more than there is, and more often.
struct Liar(MemoryBus);

impl Listener for Liar {
    fn receive(&self, envelope: Envelope) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Message::Revoke { id, .. } = envelope.message else {
                return;
            };
            let lie = Envelope {
                host: envelope.host,
                message: Message::Revoked {
                    id,
                    sockets: usize::MAX,
                },
            };
            for _ in 0..3 {
                self.0.publish(&lie, OnOutage::Raise).await.unwrap();
            }
        })
    }
}

#[tokio::test]
async fn any_number_may_be_confirmed() {
    let bus = MemoryBus::private();
    let (pen, _) = diary();
    let manager = Manager::new(Arc::new(bus.clone()));
    let (server, addr) = worker(manager, &pen, &Gate::closed()).await;
    let liar: Arc<dyn Listener> = Arc::new(Liar(bus.clone()));
    bus.listen(Arc::downgrade(&liar));
    let mut alice = client(addr, "alice").await;
    let revoked = server.revoke(out_of_the_club(Who::user("alice"))).await;
    let revoked = revoked.unwrap();
    assert_eq!((revoked.sockets, revoked.workers), (usize::MAX, 4));
    alice.expect_text(OUT_OF_THE_CLUB).await;
}

/// A bus on which somebody has repeated a revocation before it was published.
#[derive(Debug)]
struct Overtaken(MemoryBus);

impl Bus for Overtaken {
    fn publish<'a>(
        &'a self,
        envelope: &'a Envelope,
        on_outage: OnOutage,
    ) -> BoxFuture<'a, Result<Published, BusError>> {
        Box::pin(async move {
            let mut repeated = envelope.clone();
            if let Message::Revoke { again, .. } = &mut repeated.message {
                *again = Some(Duration::ZERO);
                self.0.publish(&repeated, on_outage).await?;
            }
            self.0.publish(envelope, on_outage).await
        })
    }

    fn listen(&self, listener: Weak<dyn Listener>) {
        self.0.listen(listener);
    }

    fn stats(&self) -> BusStats {
        self.0.stats()
    }
}

#[tokio::test]
async fn what_a_repetition_has_taken_out_is_counted() {
    let bus = MemoryBus::private();
    let (pen, _) = diary();
    let (server, addr) = worker(Manager::new(Arc::new(bus.clone())), &pen, &Gate::closed()).await;
    let revoker = Manager::new(Arc::new(Overtaken(bus)));
    let mut alice = client(addr, "alice").await;
    let revoked = revoker.revoke(out_of_the_club(Who::user("alice"))).await;
    let revoked = revoked.unwrap();
    assert_eq!((revoked.sockets, revoked.workers), (1, 2));
    alice.expect_text(OUT_OF_THE_CLUB).await;
    assert!(server.occupants("/", "club").is_empty());
}

/// A bus that says that nobody listens, and is right.
#[derive(Debug)]
struct Empty;

impl Bus for Empty {
    fn publish<'a>(
        &'a self,
        _: &'a Envelope,
        _: OnOutage,
    ) -> BoxFuture<'a, Result<Published, BusError>> {
        Box::pin(async { Ok(Published::Heard(Some(0))) })
    }

    fn listen(&self, _: Weak<dyn Listener>) {}

    fn stats(&self) -> BusStats {
        let mut stats = BusStats::default();
        stats.listening = true;
        stats
    }
}

#[tokio::test(start_paused = true)]
async fn what_not_even_this_worker_has_heard_is_not_confirmed() {
    let manager = Manager::new(Arc::new(Empty));
    let revoked = manager.revoke(Revocation::new(Who::user("alice")));
    let error = revoked.await.unwrap_err();
    assert!(
        matches!(
            error,
            RevokeError::Unconfirmed {
                confirmed: 0,
                workers: 1
            }
        ),
        "{error}"
    );
}

/// A bus that cannot tell how many listen.
#[derive(Debug)]
struct Uncounted(MemoryBus);

impl Bus for Uncounted {
    fn publish<'a>(
        &'a self,
        envelope: &'a Envelope,
        on_outage: OnOutage,
    ) -> BoxFuture<'a, Result<Published, BusError>> {
        Box::pin(async move {
            self.0.publish(envelope, on_outage).await?;
            Ok(Published::Heard(None))
        })
    }

    fn listen(&self, listener: Weak<dyn Listener>) {
        self.0.listen(listener);
    }

    fn stats(&self) -> BusStats {
        self.0.stats()
    }
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_cannot_count_is_said_to_be_one() {
    let manager = Manager::new(Arc::new(Uncounted(MemoryBus::private())));
    let revoked = manager.revoke_within(
        Revocation::new(Who::user("alice")),
        Duration::from_millis(300),
    );
    let error = revoked.await.unwrap_err();
    assert!(
        matches!(error, RevokeError::Uncounted { confirmed: 1 }),
        "{error}"
    );
}
